//! The pictures of a trace: one transfer as a space-time diagram, and as a time-sequence plot.

mod excerpt;
mod notes;
mod sequence;
mod space_time;

use std::path::Path;

use backroom_charts::style::{self, Color};
use backroom_charts::{Canvas, ChartError, Position, save};

pub(crate) use self::excerpt::Limits;
use self::sequence::Sequence;
use self::space_time::SpaceTime;
use crate::trace::Trace;

/// What a picture says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Caption {
    /// What was sent how, in a line.
    pub(crate) title: String,
    /// More of it, in several lines where need be.
    pub(crate) subtitle: String,
}

const FIRST: Color = style::LINES[0];
const AGAIN: Color = style::LINES[3];
const ACKS: Color = style::LINES[2];
const NOTE_SIZE: f64 = 15.5;

/// Draws both pictures of `trace`, which has the steps of one receiver, into `folder`. Returns the files' names.
///
/// # Errors
/// [`ChartError`] when a file can't be drawn or written.
pub(crate) fn draw(
    trace: &Trace,
    caption: &Caption,
    limits: Limits,
    folder: &Path,
) -> Result<Vec<String>, ChartError> {
    let mut names = Vec::new();
    let space_time = SpaceTime::new(trace, caption, limits);
    names.extend(save(&space_time, folder, "space-time")?);
    let sequence = Sequence::new(trace, caption);
    names.extend(save(&sequence, folder, "time-sequence")?);
    Ok(names)
}

/// A cross where something was lost.
fn cross(canvas: &mut Canvas, (x, y): Position, radius: f64, color: Color, width: f64) {
    for turn in [1.0, -1.0] {
        let from = (x - radius, y - turn * radius);
        canvas.line(&[from, (x + radius, y + turn * radius)], color, width);
    }
}
