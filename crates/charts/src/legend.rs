//! The legend, and the marks that it shares with the panels.

use super::canvas::{Canvas, Position, Text};
use super::font::text_width;
use super::style;

/// Width of the sample before an entry's label.
const SAMPLE: f64 = 62.0;
/// Space up to an entry's label, and after it.
const BEFORE_LABEL: f64 = SAMPLE + 14.0;
const AFTER_LABEL: f64 = 24.0;

/// An entry of the legend.
pub(crate) struct Entry {
    sample: Sample,
    label: String,
}

/// What an entry explains.
pub(crate) enum Sample {
    /// A series, by its index.
    Series(usize),
    Model,
    /// The colour scale of a heat map.
    Heat,
    /// The frame around the best value of a row.
    Best,
}

impl Entry {
    pub(crate) fn new(sample: Sample, label: impl Into<String>) -> Self {
        let label = label.into();
        Self { sample, label }
    }

    pub(crate) fn width(&self) -> f64 {
        BEFORE_LABEL + text_width(&self.label, style::TEXT_SIZE) + AFTER_LABEL
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas, (x, y): Position) {
        const HALF_HEIGHT: f64 = 13.0;
        let line = [(x, y), (x + SAMPLE, y)];
        let field = [(x, y - HALF_HEIGHT), (x + SAMPLE, y + HALF_HEIGHT)];
        match self.sample {
            Sample::Series(series) => {
                let (color, marker) = style::of_series(series);
                canvas.line(&line, color, style::LINE_WIDTH);
                let radius = style::marker_radius(series);
                canvas.marker((x + SAMPLE / 2.0, y), marker, radius, color);
            }
            Sample::Model => canvas.dashed_line(&line, style::FAINT_INK, style::MODEL_WIDTH),
            Sample::Heat => draw_heat_scale(canvas, field),
            Sample::Best => draw_best(canvas, field),
        }
        canvas.text(&self.label, (x + BEFORE_LABEL, y), Text::NORMAL);
    }
}

/// Marks the best value of a row. The white inner frame makes it visible on dark cells too.
pub(crate) fn draw_best(canvas: &mut Canvas, corners: [Position; 2]) {
    const INNER_WIDTH: f64 = 2.0;
    let inside = (style::LINE_WIDTH + INNER_WIDTH) / 2.0;
    let [(left, top), (right, bottom)] = corners;
    let inner = [
        (left + inside, top + inside),
        (right - inside, bottom - inside),
    ];
    canvas.outline(inner, style::PAPER, INNER_WIDTH);
    canvas.outline(corners, style::INK, style::LINE_WIDTH);
}

fn draw_heat_scale(canvas: &mut Canvas, [(left, top), (right, bottom)]: [Position; 2]) {
    const STEPS: u32 = 31;
    let step = (right - left) / f64::from(STEPS);
    for index in 0..STEPS {
        let (color, _) = style::heat(f64::from(index) / f64::from(STEPS - 1));
        let from = left + f64::from(index) * step;
        canvas.rectangle([(from, top), (from + step, bottom)], color);
    }
}
