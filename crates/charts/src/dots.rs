//! A list of names with a dot and an interval each, on a logarithmic axis per panel.

use std::path::Path;

use backroom_vocabulary::format_number;

use super::canvas::{Canvas, Text};
use super::font::text_width;
use super::heading;
use super::layout::{MARGIN, PAGE_WIDTH};
use super::picture::{ChartError, Picture, save};
use super::scale::Scale;
use super::style::{self, Color};

/// Panels below each other, each with a line per name.
#[derive(Clone, Debug)]
pub struct DotChart {
    /// The files' name without extension.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// The conditions that everything in it has in common.
    pub subtitle: String,
    /// What the axes measure, with the unit.
    pub label: &'static str,
    /// From top to bottom.
    pub panels: Vec<DotPanel>,
}

/// Values to compare with each other.
#[derive(Clone, Debug)]
pub struct DotPanel {
    /// What distinguishes it from the others.
    pub title: String,
    /// From top to bottom.
    pub dots: Vec<Dot>,
}

/// A named value.
#[derive(Clone, Debug)]
pub struct Dot {
    /// The label before the axis.
    pub name: String,
    /// Highlight it.
    pub highlighted: bool,
    /// The value, which must be positive.
    pub middle: f64,
    /// Ends of the line through the dot.
    pub interval: (f64, f64),
    /// The label after the axis.
    pub remark: String,
}

const HIGHLIGHTED: Color = style::LINES[0];
const OTHERS: Color = style::LINES[3];
const TITLE_HEIGHT: f64 = 62.0;
const LINE_HEIGHT: f64 = 46.0;
const AXIS_HEIGHT: f64 = 92.0;
const RADIUS: f64 = 9.0;
/// Between a label and the axis.
const GAP: f64 = 22.0;

/// Writes `chart` as SVG and PNG to `folder`. Returns the names of the files. Draws nothing without dots.
///
/// # Errors
/// [`ChartError`] if a file cannot be rendered or written.
pub fn draw_dots(chart: &DotChart, folder: &Path) -> Result<Vec<String>, ChartError> {
    if chart.panels.iter().all(|panel| panel.dots.is_empty()) {
        return Ok(Vec::new());
    }
    Ok(save(&Drawing::new(chart), folder, chart.name)?.into())
}

/// The chart with the ends of its axes.
struct Drawing<'a> {
    chart: &'a DotChart,
    subtitle: Vec<String>,
    left: f64,
    right: f64,
}

impl<'a> Drawing<'a> {
    fn new(chart: &'a DotChart) -> Self {
        let widest = |label: fn(&Dot) -> &str| {
            let dots = chart.panels.iter().flat_map(|panel| &panel.dots);
            dots.map(|dot| text_width(label(dot), style::TEXT_SIZE))
                .fold(0.0, f64::max)
        };
        Self {
            chart,
            subtitle: heading::wrapped(&chart.subtitle),
            left: MARGIN + widest(|dot| &dot.name) + GAP,
            right: PAGE_WIDTH - MARGIN - widest(|dot| &dot.remark) - GAP,
        }
    }

    fn draw_panel(&self, canvas: &mut Canvas, panel: &DotPanel, top: f64) {
        let ends = || {
            let intervals = panel.dots.iter().map(|dot| dot.interval);
            intervals.flat_map(|(low, high)| [low, high])
        };
        let lowest = ends().fold(f64::INFINITY, f64::min);
        let scale = Scale::logarithmic_between(lowest, ends().fold(lowest, f64::max));
        let x = |value: f64| self.left + scale.fraction(value) * (self.right - self.left);
        let title = Text::new(style::PANEL_TITLE_SIZE, style::INK).bold();
        let faint = Text::new(style::TEXT_SIZE, style::FAINT_INK);
        canvas.text(&panel.title, (MARGIN, top + 30.0), title);
        let top = top + TITLE_HEIGHT;
        let bottom = top + LINE_HEIGHT * panel.dots.len() as f64;
        for tick in &scale.ticks {
            let x = x(*tick);
            canvas.line(&[(x, top), (x, bottom)], style::GRID, 2.0);
            canvas.text(&format_number(*tick), (x, bottom + 24.0), faint.centred());
        }
        let axis = [(self.left, bottom), (self.right, bottom)];
        canvas.line(&axis, style::FAINT_INK, 2.0);
        canvas.text(self.chart.label, (MARGIN, bottom + 24.0), faint);
        let text = Text::new(style::TEXT_SIZE, style::INK);
        for (dot, line) in panel.dots.iter().zip(0_u32..) {
            let y = top + LINE_HEIGHT * (f64::from(line) + 0.5);
            let (color, name) = match dot.highlighted {
                true => (HIGHLIGHTED, text.bold()),
                false => (OTHERS, text),
            };
            let (low, high) = dot.interval;
            canvas.line(&[(x(low), y), (x(high), y)], color, style::LINE_WIDTH + 2.0);
            let (_, marker) = style::of_series(usize::from(!dot.highlighted));
            canvas.marker((x(dot.middle), y), marker, RADIUS, color);
            canvas.text(&dot.name, (MARGIN, y), name);
            canvas.text(&dot.remark, (self.right + GAP, y), text);
        }
    }
}

fn height(panel: &DotPanel) -> f64 {
    TITLE_HEIGHT + LINE_HEIGHT * panel.dots.len() as f64 + AXIS_HEIGHT
}

impl Picture for Drawing<'_> {
    fn size(&self) -> (f64, f64) {
        let panels: f64 = self.chart.panels.iter().map(height).sum();
        (PAGE_WIDTH, heading::bottom(&self.subtitle) + panels)
    }

    fn description(&self) -> String {
        format!("{}: {}", self.chart.title, self.chart.subtitle)
    }

    fn draw(&self, canvas: &mut Canvas) {
        heading::draw(canvas, &self.chart.title, &self.subtitle);
        let mut top = heading::bottom(&self.subtitle);
        for panel in &self.chart.panels {
            self.draw_panel(canvas, panel, top);
            top += height(panel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_drawn_and_nothing_without_dots() {
        let dir = tempfile::tempdir().unwrap();
        let dot = |name: &str, middle: f64| Dot {
            name: name.to_owned(),
            highlighted: name == "us",
            middle,
            interval: (middle * 0.9, middle * 1.1),
            remark: format!("{middle} remarked"),
        };
        let mut chart = DotChart {
            name: "dots",
            title: "Dots".to_owned(),
            subtitle: String::new(),
            label: "Mbit/s",
            panels: vec![DotPanel {
                title: "a panel".to_owned(),
                dots: vec![dot("us", 20.0), dot("them", 0.5)],
            }],
        };
        let names = draw_dots(&chart, dir.path()).unwrap();
        assert_eq!(names, ["dots.svg", "dots.png"]);
        let svg = std::fs::read_to_string(dir.path().join("dots.svg")).unwrap();
        for text in ["us", "them", "20 remarked", "a panel", "Mbit/s"] {
            assert!(svg.contains(text), "{text}");
        }
        chart.panels[0].dots.clear();
        assert!(draw_dots(&chart, dir.path()).unwrap().is_empty());
    }
}
