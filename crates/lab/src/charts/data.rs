//! What a chart shows, before anything is drawn.

use super::scale::Scale;
use crate::model;
use crate::record::RunRecord;
use crate::scenario::{Axis, ChartSpec, Quantity};
use crate::statistics::{self, CellSummary, Pivot, Spread};
use crate::words;

/// One picture.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// The file's name without extension.
    pub(super) name: String,
    pub(super) title: String,
    /// What all of it has in common.
    pub(super) subtitle: String,
    pub(super) x: Dimension,
    pub(super) y: Dimension,
    pub(super) panels: Vec<Panel>,
    /// The labels of the lines, which all panels share.
    pub(super) legend: Vec<String>,
    /// Whether theory is drawn beside the measurements.
    pub(super) has_theory: bool,
}

/// One of the two directions.
#[derive(Clone, Debug)]
pub(super) struct Dimension {
    pub(super) label: &'static str,
    pub(super) scale: Scale,
    /// What the values are multiplied by for the labels of the marks.
    pub(super) label_factor: f64,
}

/// One coordinate system of a picture.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) lines: Vec<Line>,
}

/// The cells that one line connects.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its place in the legend, which gives it colour and marker.
    pub(super) place: usize,
    pub(super) points: Vec<Point>,
    /// What theory expects, from left to right.
    pub(super) theory: Vec<(f64, f64)>,
}

/// One cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) spread: Spread,
}

/// The charts that `spec` asks for, and that have something to compare.
pub(super) fn charts(spec: &ChartSpec, cells: &[CellSummary]) -> Vec<Chart> {
    statistics::pivots(spec, cells)
        .into_iter()
        .filter_map(|pivot| chart(spec, &pivot))
        .collect()
}

/// `None` where there are no two places along the x axis.
fn chart(spec: &ChartSpec, pivot: &Pivot<'_>) -> Option<Chart> {
    let mut xs: Vec<_> = all_cells(pivot)
        .filter_map(|cell| statistics::x_value(spec.against, &cell.first))
        .collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    if xs.len() < 2 {
        return None;
    }
    let x = Dimension {
        label: words::axis_label(spec.against),
        scale: Scale::logarithmic_at(&xs),
        label_factor: if spec.against == Axis::Loss {
            100.0
        } else {
            1.0
        },
    };
    let panels: Vec<_> = pivot
        .panels
        .iter()
        .map(|panel| Panel {
            title: words::panel_title(spec, panel.example),
            lines: panel
                .lines
                .iter()
                .enumerate()
                .filter_map(|(place, cells)| line(spec, cells, place, &x.scale))
                .collect(),
        })
        .collect();
    let mut lines = panels.iter().flat_map(|panel| &panel.lines);
    let has_theory = lines.any(|line| !line.theory.is_empty());
    Some(Chart {
        name: file_name(spec, pivot),
        title: format!(
            "{} against {}",
            words::quantity_name(spec.show),
            without_unit(x.label)
        ),
        subtitle: subtitle(spec, pivot),
        y: y_dimension(spec.show, &panels)?,
        x,
        panels,
        legend: pivot
            .lines
            .iter()
            .map(|line| words::phrases(&spec.lines, line))
            .collect(),
        has_theory,
    })
}

/// `None` for a line that no cell of the panel is on.
fn line(spec: &ChartSpec, cells: &[&CellSummary], place: usize, x: &Scale) -> Option<Line> {
    let example = &cells.first()?.first;
    let point = |cell: &&CellSummary| {
        Some(Point {
            x: statistics::x_value(spec.against, &cell.first)?,
            spread: cell.of_quantity(spec.show)?,
        })
    };
    Some(Line {
        place,
        points: cells.iter().filter_map(point).collect(),
        theory: theory(spec, example, x),
    })
}

/// The closed form along the line that `example` is on.
fn theory(spec: &ChartSpec, example: &RunRecord, x: &Scale) -> Vec<(f64, f64)> {
    const SAMPLES: u32 = 200;
    let expected = |x: f64| {
        let mut cell = example.clone();
        match spec.against {
            Axis::Window => cell.window = x.round() as u32,
            Axis::Loss => cell.loss = x,
            Axis::Receivers => cell.receivers = x.round() as u16,
            _ => return None,
        }
        let goodput = model::goodput_mbps(&cell)?;
        match spec.show {
            Quantity::Goodput => Some(goodput),
            Quantity::Seconds => Some(cell.file_bytes as f64 * 8.0 / 1e6 / goodput),
            Quantity::Transmissions => None,
        }
    };
    let mut samples = x.samples(SAMPLES);
    if spec.against != Axis::Loss {
        samples.iter_mut().for_each(|x| *x = x.round());
        samples.dedup();
    }
    samples
        .into_iter()
        .filter_map(|x| Some((x, expected(x)?)))
        .collect()
}

/// Values that are farther apart are compared by their ratio.
const LARGE_RATIO: f64 = 20.0;

fn y_dimension(show: Quantity, panels: &[Panel]) -> Option<Dimension> {
    let lines = || panels.iter().flat_map(|panel| &panel.lines);
    let measured = lines().flat_map(|line| &line.points);
    let expected = lines().flat_map(|line| &line.theory).map(|(_, y)| *y);
    let highest = measured
        .clone()
        .map(|point| point.spread.upper_quartile)
        .chain(expected.clone())
        .reduce(f64::max)?;
    let lowest = measured
        .map(|point| point.spread.lower_quartile)
        .chain(expected)
        .reduce(f64::min)?;
    let scale = match show {
        Quantity::Goodput => Scale::from_zero(highest),
        Quantity::Seconds | Quantity::Transmissions if highest > LARGE_RATIO * lowest => {
            Scale::logarithmic_between(lowest, highest)
        }
        Quantity::Seconds | Quantity::Transmissions => Scale::from_zero(highest),
    };
    Some(Dimension {
        label: words::quantity_label(show),
        scale,
        label_factor: 1.0,
    })
}

fn all_cells<'a>(pivot: &Pivot<'a>) -> impl Iterator<Item = &'a CellSummary> {
    pivot
        .panels
        .iter()
        .flat_map(|panel| panel.lines.iter().flatten())
        .copied()
}

/// What all cells have in common and a reader has to know.
fn subtitle(spec: &ChartSpec, pivot: &Pivot<'_>) -> String {
    let common = |axis: &Axis| {
        all_cells(pivot).all(|cell| cell.first.axis_text(*axis) == pivot.example.axis_text(*axis))
    };
    let said: Vec<_> = Axis::ALL
        .into_iter()
        .filter(|axis| !spec.shows(*axis) && worth_saying(*axis, pivot.example))
        .filter(common)
        .collect();
    let runs = all_cells(pivot).map(|cell| cell.runs).max().unwrap_or(0);
    let median = match runs {
        0 | 1 => String::new(),
        runs => format!("; medians of {runs} runs, bars over the middle half"),
    };
    words::phrases(&said, pivot.example) + &median
}

/// Whether the value of an axis is not what everyone takes for granted.
fn worth_saying(axis: Axis, record: &RunRecord) -> bool {
    match axis {
        Axis::Delivery => record.receivers > 1,
        Axis::Jitter => record.jitter_ms > 0.0,
        Axis::Queue => record.queue.is_some(),
        Axis::Burst => record.burst != "random",
        Axis::LossSide => record.loss_side != "sender",
        _ => true,
    }
}

fn file_name(spec: &ChartSpec, pivot: &Pivot<'_>) -> String {
    let show = match spec.show {
        Quantity::Goodput => "goodput",
        Quantity::Seconds => "seconds",
        Quantity::Transmissions => "transmissions",
    };
    let mut name = format!("{show}-against-{}", spec.against);
    for axis in &pivot.fixed {
        name += &format!("-{axis}-{}", pivot.example.axis_text(*axis));
    }
    name
}

fn without_unit(label: &str) -> &str {
    label.split(" (").next().unwrap_or(label)
}
