//! Drawing heat maps.

use backroom_sim::format_number;
use plotters::prelude::DrawingBackend;

use super::super::canvas::{self, Canvas, Drawn, Place, Text};
use super::super::data::{HeatMap, HeatPanel};
use super::super::layout::{Contents, Frame};
use super::super::style;
use super::Entry;

const ROW_HEIGHT: f64 = 58.0;

pub(super) fn legend(map: &HeatMap) -> Vec<Entry> {
    let label = format!("0 to {} {}", format_number(map.highest), map.label);
    vec![Entry::Heat { label }, Entry::Best]
}

pub(super) fn contents(map: &HeatMap) -> Contents {
    let widest = map
        .rows
        .iter()
        .map(|row| canvas::width(row, style::TEXT_SIZE))
        .fold(0.0, f64::max);
    Contents {
        subtitle_lines: 0,
        panels: map.panels.len(),
        columns: 1,
        height: ROW_HEIGHT * map.rows.len() as f64,
        left: widest + 14.0,
        titled: map.panels.iter().any(|panel| !panel.title.is_empty()),
        legend: Vec::new(),
    }
}

/// The colours from nothing to the highest value.
pub(super) fn draw_scale<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    [(left, top), (right, bottom)]: [Place; 2],
) -> Drawn {
    const STEPS: u32 = 31;
    let step = (right - left) / f64::from(STEPS);
    for place in 0..STEPS {
        let (color, _) = style::heat(f64::from(place) / f64::from(STEPS - 1));
        let from = left + f64::from(place) * step;
        canvas.rectangle([(from, top), (from + step, bottom)], color)?;
    }
    Ok(())
}

pub(super) fn draw<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    map: &HeatMap,
    frames: &[Frame],
) -> Drawn {
    for (panel, frame) in map.panels.iter().zip(frames) {
        draw_labels(canvas, map, panel, frame)?;
        draw_cells(canvas, map, panel, frame)?;
    }
    Ok(())
}

fn draw_labels<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    map: &HeatMap,
    panel: &HeatPanel,
    frame: &Frame,
) -> Drawn {
    let text = Text::plain(style::TEXT_SIZE, style::INK);
    let faint = Text::plain(style::TEXT_SIZE, style::FAINT_INK);
    let title = Text::plain(style::PANEL_TITLE_SIZE, style::INK).bold();
    canvas.text(&panel.title, (frame.left, frame.top - 28.0), title)?;
    for (row, label) in map.rows.iter().enumerate() {
        let [(left, top), (_, bottom)] = field(map, frame, row, 0);
        let place = (left - 12.0, f64::midpoint(top, bottom));
        canvas.text(label, place, faint.to_the_left())?;
    }
    for (column, label) in map.columns.iter().enumerate() {
        let [(left, _), (right, _)] = field(map, frame, 0, column);
        let place = (f64::midpoint(left, right), frame.bottom + 22.0);
        canvas.text(label, place, faint.centred())?;
    }
    let (middle, bottom) = frame.at(0.5, 0.0);
    canvas.text(&map.column_label, (middle, bottom + 60.0), text.centred())
}

fn draw_cells<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    map: &HeatMap,
    panel: &HeatPanel,
    frame: &Frame,
) -> Drawn {
    for (row, values) in panel.values.iter().enumerate() {
        for (column, value) in values.iter().enumerate() {
            let [(left, top), (right, bottom)] = field(map, frame, row, column);
            let middle = (f64::midpoint(left, right), f64::midpoint(top, bottom));
            let (color, ink) = match value {
                Some(value) => style::heat(value / map.highest.max(f64::MIN_POSITIVE)),
                None => (style::PAPER, style::FAINT_INK),
            };
            let inside = [(left + 1.0, top + 1.0), (right - 1.0, bottom - 1.0)];
            canvas.rectangle(inside, color)?;
            let label = value.map_or_else(|| "-".to_owned(), format_number);
            if canvas::width(&label, style::TEXT_SIZE) < right - left {
                let how = Text::plain(style::TEXT_SIZE, ink).centred();
                canvas.text(&label, middle, how)?;
            }
        }
    }
    for (row, best) in panel.best.iter().enumerate() {
        if let Some(column) = best {
            draw_best(canvas, field(map, frame, row, *column))?;
        }
    }
    Ok(())
}

/// A frame that is seen on light cells and on dark ones.
pub(super) fn draw_best<B: DrawingBackend>(canvas: &Canvas<'_, B>, corners: [Place; 2]) -> Drawn {
    const INNER_WIDTH: f64 = 2.0;
    let inside = (style::LINE_WIDTH + INNER_WIDTH) / 2.0;
    let [(left, top), (right, bottom)] = corners;
    let inner = [
        (left + inside, top + inside),
        (right - inside, bottom - inside),
    ];
    canvas.outline(inner, style::PAPER, INNER_WIDTH)?;
    canvas.outline(corners, style::INK, style::LINE_WIDTH)
}

/// The corners of a cell.
fn field(map: &HeatMap, frame: &Frame, row: usize, column: usize) -> [Place; 2] {
    let width = (frame.right - frame.left) / map.columns.len() as f64;
    let height = (frame.bottom - frame.top) / map.rows.len() as f64;
    let (left, top) = (
        frame.left + column as f64 * width,
        frame.top + row as f64 * height,
    );
    [(left, top), (left + width, top + height)]
}
