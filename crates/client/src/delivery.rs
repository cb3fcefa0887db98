//! In which order the receivers of a file are served.

use std::fmt;
use std::str::FromStr;

/// How a file goes to several receivers. Each has a stream, and so a window, of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// All at once: as long as the slowest takes.
    #[default]
    Parallel,
    /// One after another: as long as all of them together. For comparison.
    Sequential,
}

/// Not a delivery.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a delivery is `parallel` or `sequential`")]
pub struct UnknownDelivery;

impl FromStr for Delivery {
    type Err = UnknownDelivery;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "parallel" => Ok(Self::Parallel),
            "sequential" => Ok(Self::Sequential),
            _ => Err(UnknownDelivery),
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parallel => "parallel",
            Self::Sequential => "sequential",
        })
    }
}
