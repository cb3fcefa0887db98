//! Charts with two axes: lines through medians, or a box for each cell.

use backroom_sim::{Cell, model};

use super::super::scale::Scale;
use super::Dimension;
use crate::labels;
use crate::scenario::{ChartKind, ChartSpec, Quantity};
use crate::statistics::{CellSummary, Pivot};

/// Panels with the same axes.
#[derive(Clone, Debug)]
pub(in super::super) struct Plane {
    pub(in super::super) x: Dimension,
    pub(in super::super) y: Dimension,
    pub(in super::super) panels: Vec<PlanePanel>,
    /// The labels of the lines, which all panels share.
    pub(in super::super) legend: Vec<String>,
    /// Whether theory is drawn beside the measurements.
    pub(in super::super) has_theory: bool,
    /// Whether the points are boxes beside each other and nothing connects them.
    pub(in super::super) boxes: bool,
}

/// One coordinate system of a picture.
#[derive(Clone, Debug)]
pub(in super::super) struct PlanePanel {
    pub(in super::super) title: String,
    pub(in super::super) lines: Vec<Line>,
}

/// The cells that one line connects.
#[derive(Clone, Debug)]
pub(in super::super) struct Line {
    /// Its place in the legend, which gives it colour and marker.
    pub(in super::super) place: usize,
    pub(in super::super) points: Vec<Point>,
    /// What theory expects, from left to right.
    pub(in super::super) theory: Vec<(f64, f64)>,
}

/// One cell.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Point {
    pub(in super::super) x: f64,
    pub(in super::super) middle: f64,
    /// A bar or a box.
    pub(in super::super) inner: (f64, f64),
    /// What the lines beyond a box reach to.
    pub(in super::super) outer: (f64, f64),
    /// A value of its own on these lines.
    pub(in super::super) tick: Option<f64>,
}

/// What the bars of lines are.
pub(super) const BARS: &str = ", bars: their 95 % intervals";

/// `None` where nothing was measured.
pub(super) fn plane(spec: &ChartSpec, pivot: &Pivot<'_>, xs: &[f64]) -> Option<Plane> {
    let boxes = spec.kind == ChartKind::Boxes;
    let x = Dimension {
        label: spec.against.label(),
        scale: match boxes {
            true => Scale::one_by_one(xs),
            false => Scale::logarithmic_at(xs),
        },
        label_factor: spec.against.scale(),
    };
    let panels: Vec<_> = pivot
        .panels
        .iter()
        .map(|panel| PlanePanel {
            title: labels::panel_title(spec, panel.example),
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
    Some(Plane {
        y: y_dimension(spec, &panels)?,
        x,
        panels,
        legend: pivot
            .lines
            .iter()
            .map(|line| labels::phrases(&spec.lines, line))
            .collect(),
        has_theory,
        boxes,
    })
}

/// `None` for a line that no cell of the panel is on.
fn line(spec: &ChartSpec, cells: &[&CellSummary], place: usize, x: &Scale) -> Option<Line> {
    let example = &cells.first()?.first.cell;
    let theory = match spec.kind {
        ChartKind::Lines => theory(spec, example, x),
        ChartKind::Boxes | ChartKind::Heatmap => Vec::new(),
    };
    Some(Line {
        place,
        points: cells.iter().filter_map(|cell| point(spec, cell)).collect(),
        theory,
    })
}

fn point(spec: &ChartSpec, cell: &CellSummary) -> Option<Point> {
    let x = spec.against.number(&cell.first.cell)?;
    if let (ChartKind::Boxes, Quantity::SegmentDelay) = (spec.kind, spec.show) {
        let delay = cell.segment_delay?;
        return Some(Point {
            x,
            middle: delay.p50_ms,
            inner: (delay.p50_ms, delay.p90_ms),
            outer: (delay.min_ms, delay.max_ms),
            tick: Some(delay.p99_ms),
        });
    }
    let spread = cell.of_quantity(spec.show)?;
    let (inner, outer) = match spec.kind {
        ChartKind::Boxes => (
            (spread.lower_quartile, spread.upper_quartile),
            (spread.min, spread.max),
        ),
        ChartKind::Lines | ChartKind::Heatmap => {
            let interval = cell.interval_of(spec.show);
            let bar = interval.map_or((spread.median, spread.median), |interval| {
                (interval.low, interval.high)
            });
            (bar, bar)
        }
    };
    Some(Point {
        x,
        middle: spread.median,
        inner,
        outer,
        tick: None,
    })
}

/// The model along the line that `example` is on.
fn theory(spec: &ChartSpec, example: &Cell, x: &Scale) -> Vec<(f64, f64)> {
    const SAMPLES: u32 = 200;
    let expected = |x: f64| {
        let mut cell = example.clone();
        let x = spec
            .against
            .set_number(&mut cell, x)
            .then(|| spec.against.number(&cell))??;
        let expected = model::expectation(&cell)?;
        match spec.show {
            Quantity::Goodput => Some((x, expected.goodput_mbps)),
            Quantity::Seconds => Some((x, expected.seconds)),
            Quantity::Transmissions | Quantity::Retransmissions | Quantity::SegmentDelay => None,
        }
    };
    let samples = x.samples(SAMPLES).into_iter();
    let mut points: Vec<_> = samples.filter_map(expected).collect();
    points.dedup_by_key(|(x, _)| *x);
    points
}

/// Values that are farther apart are compared by their ratio.
const LARGE_RATIO: f64 = 20.0;

fn y_dimension(spec: &ChartSpec, panels: &[PlanePanel]) -> Option<Dimension> {
    let lines = || panels.iter().flat_map(|panel| &panel.lines);
    let measured = || {
        lines()
            .flat_map(|line| &line.points)
            .flat_map(|point| [point.inner.0, point.inner.1, point.outer.0, point.outer.1])
    };
    let expected = lines().flat_map(|line| &line.theory).map(|(_, y)| *y);
    measured().next()?;
    let highest = measured().chain(expected.clone()).reduce(f64::max)?;
    let lowest = measured().chain(expected).reduce(f64::min)?;
    let by_ratio = match spec.show {
        Quantity::Goodput | Quantity::Retransmissions => false,
        Quantity::Seconds | Quantity::Transmissions | Quantity::SegmentDelay => {
            lowest > 0.0 && highest > LARGE_RATIO * lowest
        }
    };
    Some(Dimension {
        label: labels::quantity_label(spec.show).to_owned(),
        scale: match by_ratio {
            true => Scale::logarithmic_between(lowest, highest),
            false => Scale::from_zero(highest),
        },
        label_factor: 1.0,
    })
}
