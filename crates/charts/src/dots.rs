//! A list of names with a dot and an interval each, on a logarithmic axis per panel.

use std::path::Path;

use backroom_vocabulary::format_number;

use super::canvas::{Canvas, Text};
use super::font::text_width;
use super::heading::Heading;
use super::layout::{MARGIN, PAGE_WIDTH};
use super::picture::{ChartError, save};
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
    let heading = Heading::new(&chart.title, &chart.subtitle);
    let widest = |label: fn(&Dot) -> &str| {
        let dots = chart.panels.iter().flat_map(|panel| &panel.dots);
        dots.map(|dot| text_width(label(dot), style::TEXT_SIZE))
            .fold(0.0, f64::max)
    };
    let left = MARGIN + widest(|dot| &dot.name) + GAP;
    let right = PAGE_WIDTH - MARGIN - widest(|dot| &dot.remark) - GAP;
    let panels: f64 = chart.panels.iter().map(height).sum();
    let page_height = heading.bottom() + panels;
    save(folder, chart.name, &heading, page_height, |canvas| {
        let mut top = heading.bottom();
        for panel in &chart.panels {
            draw_panel(canvas, panel, chart.label, (left, right), top);
            top += height(panel);
        }
    })
}

fn height(panel: &DotPanel) -> f64 {
    TITLE_HEIGHT + LINE_HEIGHT * panel.dots.len() as f64 + AXIS_HEIGHT
}

/// Draws a panel whose axis runs from `left` to `right`.
fn draw_panel(
    canvas: &mut Canvas,
    panel: &DotPanel,
    label: &str,
    (left, right): (f64, f64),
    top: f64,
) {
    let ends = || {
        let intervals = panel.dots.iter().map(|dot| dot.interval);
        intervals.flat_map(|(low, high)| [low, high])
    };
    let lowest = ends().fold(f64::INFINITY, f64::min);
    let scale = Scale::logarithmic_between(lowest, ends().fold(lowest, f64::max));
    let x = |value: f64| left + scale.fraction(value) * (right - left);
    canvas.text(&panel.title, (MARGIN, top + 30.0), Text::PANEL_TITLE);
    let top = top + TITLE_HEIGHT;
    let bottom = top + LINE_HEIGHT * panel.dots.len() as f64;
    for tick in &scale.ticks {
        let x = x(*tick);
        canvas.line(&[(x, top), (x, bottom)], style::GRID, 2.0);
        let below = (x, bottom + 24.0);
        canvas.text(&format_number(*tick), below, Text::FAINT.centred());
    }
    let axis = [(left, bottom), (right, bottom)];
    canvas.line(&axis, style::FAINT_INK, 2.0);
    canvas.text(label, (MARGIN, bottom + 24.0), Text::FAINT);
    for (dot, line) in panel.dots.iter().zip(0_u32..) {
        let y = top + LINE_HEIGHT * (f64::from(line) + 0.5);
        let (color, name) = match dot.highlighted {
            true => (HIGHLIGHTED, Text::NORMAL.bold()),
            false => (OTHERS, Text::NORMAL),
        };
        let (low, high) = dot.interval;
        canvas.line(&[(x(low), y), (x(high), y)], color, style::LINE_WIDTH + 2.0);
        let (_, marker) = style::of_series(usize::from(!dot.highlighted));
        canvas.marker((x(dot.middle), y), marker, RADIUS, color);
        canvas.text(&dot.name, (MARGIN, y), name);
        canvas.text(&dot.remark, (right + GAP, y), Text::NORMAL);
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
