//! The names of the axes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::axes::AxisError;

/// A key of a scenario: what can be set, and swept over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields of `Axes` say what each one means")]
pub enum Axis {
    Cast,
    Delivery,
    Receivers,
    Rate,
    Delay,
    Jitter,
    Queue,
    LossSide,
    Burst,
    Loss,
    Recovery,
    Timeout,
    Copies,
    File,
    Segment,
    Window,
}

impl Axis {
    /// Every axis. The plan varies the last one fastest.
    pub const ALL: [Self; 16] = [
        Self::Cast,
        Self::Delivery,
        Self::Receivers,
        Self::Rate,
        Self::Delay,
        Self::Jitter,
        Self::Queue,
        Self::LossSide,
        Self::Burst,
        Self::Loss,
        Self::Recovery,
        Self::Timeout,
        Self::Copies,
        Self::File,
        Self::Segment,
        Self::Window,
    ];

    /// The key as files and `--set` write it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Cast => "cast",
            Self::Delivery => "delivery",
            Self::Receivers => "receivers",
            Self::Rate => "rate",
            Self::Delay => "delay",
            Self::Jitter => "jitter",
            Self::Queue => "queue",
            Self::LossSide => "loss_side",
            Self::Burst => "burst",
            Self::Loss => "loss",
            Self::Recovery => "recovery",
            Self::Timeout => "timeout",
            Self::Copies => "copies",
            Self::File => "file",
            Self::Segment => "segment",
            Self::Window => "window",
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.key())
    }
}

impl FromStr for Axis {
    type Err = AxisError;

    fn from_str(key: &str) -> Result<Self, AxisError> {
        Self::ALL
            .into_iter()
            .find(|axis| axis.key() == key)
            .ok_or_else(|| AxisError::UnknownKey {
                key: key.to_owned(),
            })
    }
}
