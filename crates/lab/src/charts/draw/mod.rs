//! Drawing a chart onto the page.

mod heat;
mod plane;

use std::fs;
use std::path::Path;

use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};

use super::ChartError;
use super::canvas::{self, Canvas, Drawn, Medium, Place, Text};
use super::data::{Chart, Picture};
use super::layout::{Contents, PAGE_WIDTH, Page};
use super::style;

/// Length of the sample before a label of the legend, and all that stands before the label.
const SAMPLE: f64 = 62.0;
const BEFORE_LABEL: f64 = SAMPLE + 14.0;

/// Draws `chart` as an SVG that scales with whatever shows it.
pub(super) fn svg(chart: &Chart, path: &Path) -> Result<(), ChartError> {
    let mut text = String::new();
    let drawn = (|| {
        style::register_fonts()?;
        let words = Words::of(chart);
        let page = words.page(chart);
        let size = Medium::SVG.pixels((PAGE_WIDTH, page.height));
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(chart, &words, &page, &Canvas::new(&area, Medium::SVG))?;
        area.present().map_err(|error| error.to_string())
    })();
    drawn.map_err(|message| ChartError::Draw {
        path: path.to_owned(),
        message,
    })?;
    fs::write(path, described(&text, chart)).map_err(|source| ChartError::Write {
        path: path.to_owned(),
        source,
    })
}

/// `svg` as one image with a name, for those who can't see it.
fn described(svg: &str, chart: &Chart) -> String {
    let rest = svg.strip_prefix("<svg ").unwrap_or(svg);
    match rest.split_once('>') {
        Some((attributes, inner)) => format!(
            "<svg role=\"img\" {attributes}>\n<title>{}: {}</title>{inner}",
            chart.title,
            chart.subtitle.replace('&', "&amp;").replace('<', "&lt;")
        ),
        None => svg.to_owned(),
    }
}

/// Draws `chart` as a PNG.
pub(super) fn png(chart: &Chart, path: &Path) -> Result<(), ChartError> {
    let drawn = (|| {
        style::register_fonts()?;
        let words = Words::of(chart);
        let page = words.page(chart);
        let size = Medium::PNG.pixels((PAGE_WIDTH, page.height));
        let area = BitMapBackend::new(path, size).into_drawing_area();
        draw(chart, &words, &page, &Canvas::new(&area, Medium::PNG))?;
        area.present().map_err(|error| error.to_string())
    })();
    drawn.map_err(|message| ChartError::Draw {
        path: path.to_owned(),
        message,
    })
}

/// Everything but the data's place on the page.
struct Words {
    subtitle: Vec<String>,
    legend: Vec<Entry>,
}

/// An entry of the legend.
enum Entry {
    Measured { place: usize, label: String },
    Theory,
    Heat { label: String },
    Best,
}

impl Words {
    fn of(chart: &Chart) -> Self {
        Self {
            subtitle: wrapped(&chart.subtitle, style::TEXT_SIZE, PAGE_WIDTH - 70.0),
            legend: match &chart.picture {
                Picture::Plane(plane) => plane::legend(plane),
                Picture::HeatMap(map) => heat::legend(map),
            },
        }
    }

    fn page(&self, chart: &Chart) -> Page {
        const AFTER_LABEL: f64 = 24.0;
        let width = |entry: &Entry| {
            BEFORE_LABEL + canvas::width(entry.label(), style::TEXT_SIZE) + AFTER_LABEL
        };
        let contents = Contents {
            subtitle_lines: self.subtitle.len(),
            legend: self.legend.iter().map(width).collect(),
            ..match &chart.picture {
                Picture::Plane(plane) => plane::contents(plane),
                Picture::HeatMap(map) => heat::contents(map),
            }
        };
        Page::new(&contents)
    }
}

impl Entry {
    fn label(&self) -> &str {
        match self {
            Self::Measured { label, .. } if label.is_empty() => "measured",
            Self::Measured { label, .. } | Self::Heat { label } => label,
            Self::Theory => "model",
            Self::Best => "best of its row",
        }
    }
}

fn draw<B: DrawingBackend>(
    chart: &Chart,
    words: &Words,
    page: &Page,
    canvas: &Canvas<'_, B>,
) -> Drawn {
    canvas.fill(style::PAPER)?;
    canvas.text(
        &chart.title,
        (page.left, page.title),
        Text::plain(style::TITLE_SIZE, style::INK).bold(),
    )?;
    for (line, y) in words.subtitle.iter().zip(&page.subtitle) {
        canvas.text(
            line,
            (page.left, *y),
            Text::plain(style::TEXT_SIZE, style::FAINT_INK),
        )?;
    }
    for (entry, place) in words.legend.iter().zip(&page.legend) {
        draw_entry(canvas, entry, *place)?;
    }
    match &chart.picture {
        Picture::Plane(plane) => plane::draw(canvas, plane, &page.panels),
        Picture::HeatMap(map) => heat::draw(canvas, map, &page.panels),
    }
}

fn draw_entry<B: DrawingBackend>(canvas: &Canvas<'_, B>, entry: &Entry, (x, y): Place) -> Drawn {
    const HALF: f64 = 13.0;
    let sample = [(x, y), (x + SAMPLE, y)];
    let field = [(x, y - HALF), (x + SAMPLE, y + HALF)];
    match entry {
        Entry::Measured { place, .. } => {
            let (color, marker) = style::of_line(*place);
            canvas.line(&sample, color, style::LINE_WIDTH)?;
            let radius = style::marker_radius(*place);
            canvas.marker((x + SAMPLE / 2.0, y), marker, radius, color)?;
        }
        Entry::Theory => canvas.dashed_line(&sample, style::FAINT_INK, style::THEORY_WIDTH)?,
        Entry::Heat { .. } => heat::draw_scale(canvas, field)?,
        Entry::Best => heat::draw_best(canvas, field)?,
    }
    let how = Text::plain(style::TEXT_SIZE, style::INK);
    canvas.text(entry.label(), (x + BEFORE_LABEL, y), how)
}

/// Breaks `text` at its commas into lines of at most `width` points.
fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in text.split_inclusive(", ") {
        match lines.last_mut() {
            Some(line) if canvas::width(&format!("{line}{part}"), size) <= width => {
                line.push_str(part)
            }
            _ => lines.push(part.to_owned()),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}
