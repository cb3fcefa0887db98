//! The pictures of a trace: one transfer as a space-time diagram, and as a time-sequence plot.

mod excerpt;
mod notes;
mod sequence;
mod space_time;

use std::path::Path;

use backroom_trace::Trace;
use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

pub(crate) use self::excerpt::Limits;
use self::sequence::Sequence;
use self::space_time::SpaceTime;
use super::ChartError;
use super::canvas::{Canvas, Drawn, Place};
use super::page::{MARGIN, Picture, after_head, draw_head, save, wrapped};
use super::style;

/// What a picture says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Caption {
    /// What was sent how, in a line.
    pub(crate) title: String,
    /// More of it, in several lines where need be.
    pub(crate) subtitle: String,
}

const FIRST: RGBColor = style::LINES[0];
const AGAIN: RGBColor = style::LINES[3];
const ACKS: RGBColor = style::LINES[2];
const NOTE_SIZE: f64 = 21.0;

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
    // Before anything is measured for its place.
    style::register_fonts().map_err(|message| ChartError::Draw {
        path: folder.to_owned(),
        message,
    })?;
    let mut names = Vec::new();
    let space_time = SpaceTime::new(trace, caption, limits);
    names.extend(save(&space_time, folder, "space-time")?);
    let sequence = Sequence::new(trace, caption);
    names.extend(save(&sequence, folder, "time-sequence")?);
    Ok(names)
}

/// A cross where something was lost.
fn cross<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    (x, y): Place,
    radius: f64,
    color: RGBColor,
    width: f64,
) -> Drawn {
    for turn in [1.0, -1.0] {
        let from = (x - radius, y - turn * radius);
        canvas.line(&[from, (x + radius, y + turn * radius)], color, width)?;
    }
    Ok(())
}

/// The least of 1, 2 and 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(least)
}
