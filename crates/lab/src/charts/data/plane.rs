//! Charts of a sweep with two axes: lines through medians, or a box for each cell.

use backroom_charts::{Axis as ChartAxis, Plane, PlanePanel, Point, Scale, Series};
use backroom_sim::{Cell, model};

use crate::labels;
use crate::scenario::{ChartKind, ChartSpec, Quantity};
use crate::statistics::{CellSummary, Pivot};

/// `None` if no cell has a value.
pub(super) fn plane(spec: &ChartSpec, pivot: &Pivot<'_>, xs: &[f64]) -> Option<Plane> {
    let boxes = spec.kind == ChartKind::Boxes;
    let x = ChartAxis {
        label: spec.against.label(),
        scale: match boxes {
            true => Scale::evenly_spaced(xs),
            false => Scale::logarithmic_at(xs),
        },
        label_factor: spec.against.scale(),
    };
    let panels: Vec<_> = pivot
        .panels
        .iter()
        .map(|panel| PlanePanel {
            title: labels::panel_title(spec, panel.example),
            series: panel
                .lines
                .iter()
                .enumerate()
                .filter_map(|(index, cells)| series(spec, cells, index, &x.scale))
                .collect(),
        })
        .collect();
    Some(Plane {
        y: y_axis(spec, &panels)?,
        x,
        panels,
        legend: pivot
            .lines
            .iter()
            .map(|line| labels::phrases(&spec.lines, line))
            .collect(),
        boxes,
    })
}

/// `None` if the panel has no cell of this series.
fn series(spec: &ChartSpec, cells: &[&CellSummary], index: usize, x: &Scale) -> Option<Series> {
    let example = &cells.first()?.first.cell;
    let model = match spec.kind {
        ChartKind::Lines => prediction(spec, example, x),
        ChartKind::Boxes | ChartKind::Heatmap => Vec::new(),
    };
    Some(Series {
        index,
        points: cells.iter().filter_map(|cell| point(spec, cell)).collect(),
        model,
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

/// The model along the line through `example`.
fn prediction(spec: &ChartSpec, example: &Cell, x: &Scale) -> Vec<(f64, f64)> {
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

fn y_axis(spec: &ChartSpec, panels: &[PlanePanel]) -> Option<ChartAxis> {
    let series = || panels.iter().flat_map(|panel| &panel.series);
    let measured = || {
        series()
            .flat_map(|series| &series.points)
            .flat_map(|point| [point.inner.0, point.inner.1, point.outer.0, point.outer.1])
    };
    let predicted = series().flat_map(|series| &series.model).map(|(_, y)| *y);
    measured().next()?;
    let values = measured().chain(predicted);
    let scale = match spec.show {
        Quantity::Goodput | Quantity::Retransmissions => {
            Scale::from_zero(values.fold(0.0, f64::max))
        }
        Quantity::Seconds | Quantity::Transmissions | Quantity::SegmentDelay => {
            Scale::covering(values)
        }
    };
    Some(ChartAxis::new(labels::quantity_label(spec.show), scale))
}
