//! The lines of a trace: what happens in a transfer, one JSON object for each step.
//!
//! Each stream begins with a [`Begin`]. `docs/lab.md` has a table of the steps.

mod fields;
mod line;
mod step;

pub use self::line::Line;
pub use self::step::{Begin, LossCause, Side, Step, StepKind};
