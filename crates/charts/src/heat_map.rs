//! Heat maps: a coloured cell with its value for each combination of a row and a column.

use backroom_vocabulary::format_number;

use super::canvas::{Canvas, Position, Text};
use super::font::text_width;
use super::layout::{Contents, Frame};
use super::legend::{Entry, Sample, draw_best};
use super::style;

const ROW_HEIGHT: f64 = 58.0;

/// Panels with the same columns, rows and colours. There has to be a value.
#[derive(Clone, Debug)]
pub struct HeatMap {
    /// The labels of the columns.
    pub columns: Vec<String>,
    /// What the columns are, with the unit.
    pub column_label: String,
    /// The labels of the rows.
    pub rows: Vec<String>,
    /// What the values are, with the unit.
    pub label: &'static str,
    /// The value with the darkest colour. Zero has the lightest.
    pub highest: f64,
    /// The panels.
    pub panels: Vec<HeatPanel>,
}

/// One heat map.
#[derive(Clone, Debug)]
pub struct HeatPanel {
    /// What distinguishes it from the others. May be empty.
    pub title: String,
    /// By row and column. `None` without a measurement.
    pub values: Vec<Vec<Option<f64>>>,
    /// For each row the column of its best value.
    pub best: Vec<Option<usize>>,
}

impl HeatMap {
    pub(crate) fn legend_entries(&self) -> Vec<Entry> {
        let label = format!("0 to {} {}", format_number(self.highest), self.label);
        vec![
            Entry::new(Sample::Heat, label),
            Entry::new(Sample::Best, "best of its row"),
        ]
    }

    pub(crate) fn contents(&self) -> Contents<'_> {
        let widest = self
            .rows
            .iter()
            .map(|row| text_width(row, style::TEXT_SIZE))
            .fold(0.0, f64::max);
        Contents {
            titles: self.panels.iter().map(|panel| &*panel.title).collect(),
            columns: 1,
            height: ROW_HEIGHT * self.rows.len() as f64,
            left: widest + 14.0,
        }
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas, panel: &HeatPanel, frame: &Frame) {
        self.draw_labels(canvas, frame);
        self.draw_cells(canvas, panel, frame);
    }

    fn draw_labels(&self, canvas: &mut Canvas, frame: &Frame) {
        for (row, label) in self.rows.iter().enumerate() {
            let [(left, top), (_, bottom)] = self.cell(frame, row, 0);
            let position = (left - 12.0, f64::midpoint(top, bottom));
            canvas.text(label, position, Text::FAINT.right_aligned());
        }
        for (column, label) in self.columns.iter().enumerate() {
            let [(left, _), (right, _)] = self.cell(frame, 0, column);
            let position = (f64::midpoint(left, right), frame.bottom + 22.0);
            canvas.text(label, position, Text::FAINT.centred());
        }
        let (middle, bottom) = frame.at(0.5, 0.0);
        let below = (middle, bottom + 60.0);
        canvas.text(&self.column_label, below, Text::NORMAL.centred());
    }

    fn draw_cells(&self, canvas: &mut Canvas, panel: &HeatPanel, frame: &Frame) {
        for (row, values) in panel.values.iter().enumerate() {
            for (column, value) in values.iter().enumerate() {
                let [(left, top), (right, bottom)] = self.cell(frame, row, column);
                let middle = (f64::midpoint(left, right), f64::midpoint(top, bottom));
                let (color, ink) = match value {
                    Some(value) => style::heat(value / self.highest.max(f64::MIN_POSITIVE)),
                    None => (style::PAPER, style::FAINT_INK),
                };
                let inside = [(left + 1.0, top + 1.0), (right - 1.0, bottom - 1.0)];
                canvas.rectangle(inside, color);
                let label = value.map_or_else(|| "-".to_owned(), format_number);
                if text_width(&label, style::TEXT_SIZE) < right - left {
                    let style = Text::new(style::TEXT_SIZE, ink).centred();
                    canvas.text(&label, middle, style);
                }
            }
        }
        for (row, best) in panel.best.iter().enumerate() {
            if let Some(column) = best {
                draw_best(canvas, self.cell(frame, row, *column));
            }
        }
    }

    /// The corners of a cell.
    fn cell(&self, frame: &Frame, row: usize, column: usize) -> [Position; 2] {
        let width = (frame.right - frame.left) / self.columns.len() as f64;
        let height = (frame.bottom - frame.top) / self.rows.len() as f64;
        let left = frame.left + column as f64 * width;
        let top = frame.top + row as f64 * height;
        [(left, top), (left + width, top + height)]
    }
}
