//! What both diagrams have in common.

use backroom_charts::style::{self, Color};
use backroom_charts::{Canvas, Position};

/// The heading of a diagram.
#[derive(Clone, Debug)]
pub struct Caption {
    /// One line.
    pub title: String,
    /// One or several lines; they are broken to fit the page.
    pub subtitle: String,
}

pub(super) const FIRST_TRANSMISSION: Color = style::LINES[0];
pub(super) const RETRANSMISSION: Color = style::LINES[3];
pub(super) const ACK: Color = style::LINES[2];

/// A cross, where something was lost.
pub(super) fn cross(canvas: &mut Canvas, (x, y): Position, radius: f64, width: f64) {
    for slope in [1.0, -1.0] {
        let ends = [
            (x - radius, y - slope * radius),
            (x + radius, y + slope * radius),
        ];
        canvas.line(&ends, style::INK, width);
    }
}

/// Nanoseconds as milliseconds.
pub(super) fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}
