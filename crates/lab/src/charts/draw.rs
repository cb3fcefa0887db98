//! Drawing a chart onto the page.

use std::fs;
use std::path::Path;

use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};

use super::ChartError;
use super::canvas::{self, Canvas, Drawn, Medium, Place, Text};
use super::data::{Chart, Line, Panel};
use super::layout::{Contents, Frame, PAGE_WIDTH, Page};
use super::style;
use crate::words;

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
    fs::write(path, text).map_err(|source| ChartError::Write {
        path: path.to_owned(),
        source,
    })
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

/// A line of the legend.
enum Entry {
    Measured { place: usize, label: String },
    Theory,
}

const THEORY_LABEL: &str = "closed form";

impl Words {
    fn of(chart: &Chart) -> Self {
        let measured = chart
            .legend
            .iter()
            .enumerate()
            .map(|(place, label)| Entry::Measured {
                place,
                label: label.clone(),
            });
        Self {
            subtitle: wrapped(&chart.subtitle, style::TEXT_SIZE, PAGE_WIDTH - 70.0),
            legend: measured
                .chain(chart.has_theory.then_some(Entry::Theory))
                .collect(),
        }
    }

    fn page(&self, chart: &Chart) -> Page {
        const AFTER_LABEL: f64 = 24.0;
        let width = |entry: &Entry| {
            BEFORE_LABEL + canvas::width(entry.label(), style::TEXT_SIZE) + AFTER_LABEL
        };
        Page::new(&Contents {
            subtitle_lines: self.subtitle.len(),
            panels: chart.panels.len(),
            titled: chart.panels.iter().any(|panel| !panel.title.is_empty()),
            legend: self.legend.iter().map(width).collect(),
        })
    }
}

impl Entry {
    fn label(&self) -> &str {
        match self {
            Self::Measured { label, .. } if label.is_empty() => "measured",
            Self::Measured { label, .. } => label,
            Self::Theory => THEORY_LABEL,
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
    for (panel, frame) in chart.panels.iter().zip(&page.panels) {
        draw_axes(canvas, chart, panel, frame)?;
        for line in &panel.lines {
            draw_theory(canvas, chart, line, frame)?;
        }
        for line in &panel.lines {
            draw_line(canvas, chart, line, frame)?;
        }
    }
    Ok(())
}

fn draw_entry<B: DrawingBackend>(canvas: &Canvas<'_, B>, entry: &Entry, (x, y): Place) -> Drawn {
    let sample = [(x, y), (x + SAMPLE, y)];
    match entry {
        Entry::Measured { place, .. } => {
            let (color, marker) = style::of_line(*place);
            canvas.line(&sample, color, style::LINE_WIDTH)?;
            let radius = style::marker_radius(*place);
            canvas.marker((x + SAMPLE / 2.0, y), marker, radius, color)?;
        }
        Entry::Theory => canvas.dashed_line(&sample, style::FAINT_INK, style::THEORY_WIDTH)?,
    }
    let how = Text::plain(style::TEXT_SIZE, style::INK);
    canvas.text(entry.label(), (x + BEFORE_LABEL, y), how)
}

fn draw_axes<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    chart: &Chart,
    panel: &Panel,
    frame: &Frame,
) -> Drawn {
    let (x, y) = (&chart.x, &chart.y);
    let text = Text::plain(style::TEXT_SIZE, style::INK);
    let faint = Text::plain(style::TEXT_SIZE, style::FAINT_INK);
    let title = Text::plain(style::PANEL_TITLE_SIZE, style::INK).bold();
    canvas.text(&panel.title, (frame.left, frame.top - 28.0), title)?;
    for tick in &y.scale.ticks {
        let place = y.scale.place(*tick);
        canvas.line(
            &[frame.at(0.0, place), frame.at(1.0, place)],
            style::GRID,
            1.0,
        )?;
        let (left, height) = frame.at(0.0, place);
        canvas.text(
            &words::number(tick * y.label_factor),
            (left - 10.0, height),
            faint.to_the_left(),
        )?;
    }
    let mut free_from = f64::NEG_INFINITY;
    for tick in &x.scale.ticks {
        let place = x.scale.place(*tick);
        canvas.line(
            &[frame.at(place, 0.0), frame.at(place, 1.0)],
            style::GRID,
            1.0,
        )?;
        let (middle, bottom) = frame.at(place, 0.0);
        let label = words::number(tick * x.label_factor);
        let half = canvas::width(&label, style::TEXT_SIZE) / 2.0;
        if middle - half >= free_from {
            canvas.text(&label, (middle, bottom + 22.0), faint.centred())?;
            free_from = middle + half + 8.0;
        }
    }
    canvas.line(
        &[frame.at(0.0, 0.0), frame.at(1.0, 0.0)],
        style::FAINT_INK,
        1.5,
    )?;
    let (middle, bottom) = frame.at(0.5, 0.0);
    canvas.text(x.label, (middle, bottom + 60.0), text.centred())?;
    let (left, middle) = frame.at(0.0, 0.5);
    canvas.text(y.label, (left - 75.0, middle), text.centred().upwards())
}

fn draw_theory<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    chart: &Chart,
    line: &Line,
    frame: &Frame,
) -> Drawn {
    let (color, _) = style::of_line(line.place);
    let places: Vec<_> = line
        .theory
        .iter()
        .map(|(x, y)| frame.at(chart.x.scale.place(*x), chart.y.scale.place(*y)))
        .collect();
    canvas.dashed_line(&places, color, style::THEORY_WIDTH)
}

/// The line through the medians, and at each a bar over the middle half of the runs.
fn draw_line<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    chart: &Chart,
    line: &Line,
    frame: &Frame,
) -> Drawn {
    const BAR_END: f64 = 6.0;
    let (color, marker) = style::of_line(line.place);
    let at = |x: f64, y: f64| frame.at(chart.x.scale.place(x), chart.y.scale.place(y));
    let medians: Vec<_> = line
        .points
        .iter()
        .map(|point| at(point.x, point.spread.median))
        .collect();
    canvas.line(&medians, color, style::LINE_WIDTH)?;
    let radius = style::marker_radius(line.place);
    for point in &line.points {
        let low = at(point.x, point.spread.lower_quartile);
        let high = at(point.x, point.spread.upper_quartile);
        if low.1 - high.1 > 2.0 * radius {
            canvas.line(&[low, high], color, 2.0)?;
            for (x, y) in [low, high] {
                canvas.line(&[(x - BAR_END, y), (x + BAR_END, y)], color, 2.0)?;
            }
        }
    }
    for median in medians {
        canvas.marker(median, marker, radius, color)?;
    }
    Ok(())
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
