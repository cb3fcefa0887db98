//! Diagrams of a trace: the textbook's space-time diagram, and a time-sequence plot.

mod annotations;
mod excerpt;
mod page;
mod space_time;
mod time_sequence;

use std::path::Path;

use backroom_charts::ChartError;

pub use self::excerpt::TimeRange;
pub use self::page::Caption;
use self::space_time::SpaceTime;
use self::time_sequence::TimeSequence;
use crate::trace::Trace;

/// Draws both diagrams of `trace`, which has the steps of one receiver, into `folder`, as SVG and as PNG. Returns the
/// names of the files. `range` is what the space-time diagram shows; the time-sequence plot shows the whole transfer.
///
/// # Errors
/// [`ChartError`] if a file cannot be drawn or written.
pub fn draw(
    trace: &Trace,
    caption: &Caption,
    range: TimeRange,
    folder: &Path,
) -> Result<Vec<String>, ChartError> {
    let space_time = SpaceTime::new(trace, caption, range).save(folder)?;
    let time_sequence = TimeSequence::new(trace, caption).save(folder)?;
    Ok([space_time, time_sequence].concat())
}
