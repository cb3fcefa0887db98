//! From the cells of a sweep to the data of charts.

mod heat;
mod plane;

use backroom_charts::{Chart, Content};

use crate::scenario::{Axis, ChartKind, ChartSpec, Quantity};
use crate::statistics::{self, CellSummary, Pivot};
use crate::words;

/// The charts of `spec` that have something to compare.
pub(super) fn charts(spec: &ChartSpec, cells: &[CellSummary]) -> Vec<Chart> {
    statistics::pivots(spec, cells)
        .into_iter()
        .filter_map(|pivot| chart(spec, &pivot))
        .collect()
}

/// `None` unless there are at least two values along the x axis.
fn chart(spec: &ChartSpec, pivot: &Pivot<'_>) -> Option<Chart> {
    let mut xs: Vec<_> = all_cells(pivot)
        .filter_map(|cell| statistics::x_value(spec.against, &cell.first))
        .collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    if xs.len() < 2 {
        return None;
    }
    let content = match spec.kind {
        ChartKind::Lines | ChartKind::Boxes => Content::Plane(plane::plane(spec, pivot, &xs)?),
        ChartKind::Heatmap => Content::HeatMap(heat::heat_map(spec, pivot, &xs)?),
    };
    Some(Chart {
        name: file_name(spec, pivot),
        title: title(spec),
        subtitle: subtitle(spec, pivot),
        content,
    })
}

fn title(spec: &ChartSpec) -> String {
    let show = words::quantity_name(spec.show);
    let against = without_unit(words::axis_label(spec.against));
    match (spec.kind, spec.lines.as_slice()) {
        (ChartKind::Lines, _) => format!("{show} against {against}"),
        (ChartKind::Boxes, _) => format!("{show} against {against}: distribution"),
        (ChartKind::Heatmap, [rows]) => {
            format!(
                "{show} by {against} and {}",
                without_unit(words::axis_label(*rows))
            )
        }
        (ChartKind::Heatmap, _) => format!("{show} by {against}"),
    }
}

fn all_cells<'a>(pivot: &Pivot<'a>) -> impl Iterator<Item = &'a CellSummary> {
    pivot
        .panels
        .iter()
        .flat_map(|panel| panel.lines.iter().flatten())
        .copied()
}

/// The settings that all cells have in common, without the obvious ones.
fn subtitle(spec: &ChartSpec, pivot: &Pivot<'_>) -> String {
    let common = |axis: &Axis| {
        all_cells(pivot).all(|cell| cell.first.axis_text(*axis) == pivot.example.axis_text(*axis))
    };
    let common_axes: Vec<_> = Axis::ALL
        .into_iter()
        .filter(|axis| !spec.shows(*axis) && is_notable(*axis, pivot.example))
        .filter(common)
        .collect();
    let runs = all_cells(pivot).map(|cell| cell.runs).max().unwrap_or(0);
    let statistic = match (spec.kind, spec.show) {
        (_, _) if runs < 2 => String::new(),
        (ChartKind::Lines, show)
            if all_cells(pivot).any(|cell| cell.interval_of(show).is_some()) =>
        {
            format!("; medians of {runs} runs, bars: 95 % intervals")
        }
        (ChartKind::Lines | ChartKind::Heatmap, _) => format!("; medians of {runs} runs"),
        (ChartKind::Boxes, Quantity::SegmentDelay) => format!(
            "; minimum to maximum, box from the median to the 90th percentile, tick at the 99th, medians of {runs} runs"
        ),
        (ChartKind::Boxes, _) => {
            format!("; {runs} runs, minimum to maximum, box over the middle half")
        }
    };
    words::phrases(&common_axes, pivot.example) + &statistic
}

/// Whether the value of an axis differs from what a reader expects.
fn is_notable(axis: Axis, record: &crate::record::RunRecord) -> bool {
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
        Quantity::Retransmissions => "retransmissions",
        Quantity::SegmentDelay => "segment-delay",
    };
    let kind = match spec.kind {
        ChartKind::Lines => "",
        ChartKind::Boxes => "-boxes",
        ChartKind::Heatmap => "-heatmap",
    };
    let mut name = format!("{show}{kind}-against-{}", spec.against);
    for axis in &pivot.fixed {
        name += &format!("-{axis}-{}", pivot.example.axis_text(*axis));
    }
    name
}

fn without_unit(label: &str) -> &str {
    label.split(" (").next().unwrap_or(label)
}

/// The factor from values of an axis to its labels.
fn label_factor(axis: Axis) -> f64 {
    match axis {
        Axis::Loss => 100.0,
        _ => 1.0,
    }
}
