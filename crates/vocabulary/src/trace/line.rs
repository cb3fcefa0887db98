//! A line of a trace.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::{EventName, Fields, LineError, required};
use super::step::{Begin, Step};

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Fields", into = "Fields")]
#[schemars(rename = "TraceLine")]
pub enum Line {
    /// A stream begins.
    Begin(Begin),
    /// Something happened in a stream.
    Step(Step),
    /// Steps are missing here, because they could not be written fast enough.
    Missing {
        /// Of this transfer, or of any that the file has.
        transfer: Option<u64>,
        /// How many.
        count: u64,
    },
}

impl From<Line> for Fields {
    fn from(line: Line) -> Self {
        match line {
            Line::Begin(begin) => begin.into(),
            Line::Step(step) => step.into(),
            Line::Missing { transfer, count } => Self::missing(transfer, count),
        }
    }
}

impl TryFrom<Fields> for Line {
    type Error = LineError;

    fn try_from(fields: Fields) -> Result<Self, LineError> {
        match fields.event {
            EventName::Begin => Ok(Self::Begin(fields.to_begin()?)),
            EventName::Missing => Ok(Self::Missing {
                transfer: fields.transfer,
                count: required(fields.count, "count")?,
            }),
            _ => Ok(Self::Step(fields.to_step()?)),
        }
    }
}
