//! Converts the cells of a sweep to the data of charts.

mod heat;
mod plane;

use backroom_charts::{Chart, Content};
use backroom_sim::Axis;

use crate::labels;
use crate::scenario::{ChartKind, ChartSpec, Quantity};
use crate::statistics::{self, CellSummary, Pivot};

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
        .filter_map(|cell| spec.against.number(&cell.first.cell))
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
    let show = labels::quantity_name(spec.show);
    let against = spec.against.name();
    match (spec.kind, spec.lines.as_slice()) {
        (ChartKind::Lines, _) => format!("{show} against {against}"),
        (ChartKind::Boxes, _) => format!("{show} against {against}: distribution"),
        (ChartKind::Heatmap, [rows]) => {
            format!("{show} by {against} and {}", rows.name())
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

/// The settings that all cells share and that have an effect, and the statistic shown.
fn subtitle(spec: &ChartSpec, pivot: &Pivot<'_>) -> String {
    let varying = statistics::varying(all_cells(pivot).map(|cell| &cell.first.cell));
    let common_axes: Vec<_> = Axis::ALL
        .into_iter()
        .filter(|axis| !spec.shows(*axis) && axis.is_mentioned(pivot.example))
        .filter(|axis| !varying.contains(axis))
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
    labels::phrases(&common_axes, pivot.example) + &statistic
}

fn file_name(spec: &ChartSpec, pivot: &Pivot<'_>) -> String {
    let kind = match spec.kind {
        ChartKind::Lines => "",
        ChartKind::Boxes => "-boxes",
        ChartKind::Heatmap => "-heatmap",
    };
    let mut name = format!("{}{kind}-against-{}", spec.show, spec.against);
    for axis in &pivot.fixed {
        name += &format!("-{axis}-{}", axis.value(pivot.example));
    }
    name
}
