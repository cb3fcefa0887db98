//! Named things beside each other: a dot for each with its interval, on a logarithmic axis of each panel's own.

use std::path::Path;

use backroom_sim::format_number;
use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::ChartError;
use super::canvas::{self, Canvas, Drawn, Text};
use super::layout::PAGE_WIDTH;
use super::page::{self, MARGIN, Picture};
use super::scale::Scale;
use super::style;

/// One picture: panels below each other, in each a line for each name.
#[derive(Clone, Debug)]
pub(crate) struct DotChart {
    /// The file's name without extension.
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) title: String,
    /// More of it.
    pub(crate) subtitle: String,
    /// What the axes count.
    pub(crate) label: &'static str,
    /// From top to bottom.
    pub(crate) panels: Vec<DotPanel>,
}

/// What is compared with each other.
#[derive(Clone, Debug)]
pub(crate) struct DotPanel {
    pub(crate) title: String,
    pub(crate) dots: Vec<Dot>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Dot {
    pub(crate) name: String,
    /// What stands out.
    pub(crate) ours: bool,
    pub(crate) middle: f64,
    /// The line through the dot.
    pub(crate) interval: (f64, f64),
    /// Said at the end of its line.
    pub(crate) remark: String,
}

const OURS: RGBColor = style::LINES[0];
const OTHERS: RGBColor = style::LINES[3];
const TITLE_HEIGHT: f64 = 62.0;
const LINE_HEIGHT: f64 = 46.0;
const AXIS_HEIGHT: f64 = 92.0;
const RADIUS: f64 = 9.0;
/// Between a name and its axis.
const GAP: f64 = 22.0;

/// Draws `chart` as SVG and as PNG into `folder`. Returns the files' names; none where there is nothing to draw.
///
/// # Errors
/// [`ChartError`] when a file can't be drawn or written.
pub(crate) fn draw_dots(chart: &DotChart, folder: &Path) -> Result<Vec<String>, ChartError> {
    if chart.panels.iter().all(|panel| panel.dots.is_empty()) {
        return Ok(Vec::new());
    }
    style::register_fonts().map_err(|message| ChartError::Draw {
        path: folder.to_owned(),
        message,
    })?;
    let picture = Dots::new(chart);
    Ok(page::save(&picture, folder, chart.name)?.into())
}

/// The chart, and where its columns are.
struct Dots<'a> {
    chart: &'a DotChart,
    subtitle: Vec<String>,
    left: f64,
    right: f64,
}

impl<'a> Dots<'a> {
    fn new(chart: &'a DotChart) -> Self {
        let dots = || chart.panels.iter().flat_map(|panel| &panel.dots);
        let widest = |texts: &mut dyn Iterator<Item = &str>| {
            texts
                .map(|text| canvas::width(text, style::TEXT_SIZE))
                .fold(0.0, f64::max)
        };
        let names = widest(&mut dots().map(|dot| dot.name.as_str()));
        let remarks = widest(&mut dots().map(|dot| dot.remark.as_str()));
        Self {
            chart,
            subtitle: page::wrapped(&chart.subtitle),
            left: MARGIN + names + GAP,
            right: PAGE_WIDTH - MARGIN - remarks - GAP,
        }
    }

    fn panel<B: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, B>,
        panel: &DotPanel,
        top: f64,
    ) -> Drawn {
        let ends = || {
            panel
                .dots
                .iter()
                .flat_map(|dot| [dot.interval.0, dot.interval.1])
        };
        let lowest = ends().fold(f64::INFINITY, f64::min);
        let scale = Scale::logarithmic_between(lowest, ends().fold(lowest, f64::max));
        let x = |value: f64| self.left + scale.place(value) * (self.right - self.left);
        let how = Text::plain(style::PANEL_TITLE_SIZE, style::INK).bold();
        canvas.text(&panel.title, (MARGIN, top + 30.0), how)?;
        let top = top + TITLE_HEIGHT;
        let bottom = top + LINE_HEIGHT * panel.dots.len() as f64;
        for tick in scale.ticks.iter().copied() {
            canvas.line(&[(x(tick), top), (x(tick), bottom)], style::GRID, 2.0)?;
            let how = Text::plain(style::TEXT_SIZE, style::FAINT_INK).centred();
            canvas.text(&format_number(tick), (x(tick), bottom + 24.0), how)?;
        }
        let ink = [(self.left, bottom), (self.right, bottom)];
        canvas.line(&ink, style::FAINT_INK, 2.0)?;
        let how = Text::plain(style::TEXT_SIZE, style::FAINT_INK);
        canvas.text(self.chart.label, (MARGIN, bottom + 24.0), how)?;
        for (dot, line) in panel.dots.iter().zip(0_u32..) {
            let y = top + LINE_HEIGHT * (f64::from(line) + 0.5);
            let color = if dot.ours { OURS } else { OTHERS };
            let (low, high) = dot.interval;
            canvas.line(&[(x(low), y), (x(high), y)], color, style::LINE_WIDTH + 2.0)?;
            let (_, marker) = style::of_line(usize::from(!dot.ours));
            canvas.marker((x(dot.middle), y), marker, RADIUS, color)?;
            let how = Text::plain(style::TEXT_SIZE, style::INK);
            let how = if dot.ours { how.bold() } else { how };
            canvas.text(&dot.name, (MARGIN, y), how)?;
            let how = Text::plain(style::TEXT_SIZE, style::INK);
            canvas.text(&dot.remark, (self.right + GAP, y), how)?;
        }
        Ok(())
    }
}

fn height(panel: &DotPanel) -> f64 {
    TITLE_HEIGHT + LINE_HEIGHT * panel.dots.len() as f64 + AXIS_HEIGHT
}

impl Picture for Dots<'_> {
    fn size(&self) -> (f64, f64) {
        let panels: f64 = self.chart.panels.iter().map(height).sum();
        (PAGE_WIDTH, page::after_head(&self.subtitle) + panels)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Drawn {
        canvas.fill(style::PAPER)?;
        page::draw_head(canvas, &self.chart.title, &self.subtitle)?;
        let mut top = page::after_head(&self.subtitle);
        for panel in &self.chart.panels {
            self.panel(canvas, panel, top)?;
            top += height(panel);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_remark_is_in_the_picture_and_nothing_is_drawn_of_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let dot = |name: &str, middle: f64| Dot {
            name: name.to_owned(),
            ours: name == "us",
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
