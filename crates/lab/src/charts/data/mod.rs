//! Converts the cells of a sweep to the data of charts.

mod heat;
mod plane;

use backroom_charts::{Chart, Content};
use backroom_sim::Axis;

use super::NotDrawn;
use crate::labels;
use crate::scenario::{ChartKind, ChartSpec, Quantity};
use crate::statistics::{self, CellSummary, Pivot};

/// The charts of `spec`, or why there is none.
pub(super) fn charts(spec: &ChartSpec, cells: &[CellSummary]) -> Vec<Result<Chart, NotDrawn>> {
    if cells.is_empty() {
        return vec![Err(NotDrawn {
            name: base_name(spec),
            reason: "there are no runs".to_owned(),
        })];
    }
    let pivots = statistics::pivots(spec, cells).into_iter();
    pivots.map(|pivot| chart(spec, &pivot)).collect()
}

fn chart(spec: &ChartSpec, pivot: &Pivot<'_>) -> Result<Chart, NotDrawn> {
    let name = file_name(spec, pivot);
    match content(spec, pivot) {
        Ok(content) => Ok(Chart {
            name,
            title: title(spec),
            subtitle: subtitle(spec, pivot),
            content,
        }),
        Err(reason) => Err(NotDrawn { name, reason }),
    }
}

/// What the chart shows, or why it would show nothing.
fn content(spec: &ChartSpec, pivot: &Pivot<'_>) -> Result<Content, String> {
    let mut xs: Vec<_> = all_cells(pivot)
        .filter_map(|cell| spec.against.number(&cell.first.cell))
        .collect();
    match xs.as_slice() {
        [] => return Err(format!("no value of {} is a number", spec.against.name())),
        [_] => {
            let against = spec.against.name();
            return Err(format!(
                "it would have one point, because there is one {against}"
            ));
        }
        _ => {}
    }
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let content = match spec.kind {
        ChartKind::Lines | ChartKind::Boxes => plane::plane(spec, pivot, &xs).map(Content::Plane),
        ChartKind::Heatmap => heat::heat_map(spec, pivot, &xs).map(Content::HeatMap),
    };
    content.ok_or_else(|| "no run that counts has a value".to_owned())
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
    let mut name = base_name(spec);
    for axis in &pivot.fixed {
        name += &format!("-{axis}-{}", axis.value(pivot.example));
    }
    name
}

/// The name of the files without the values of other axes.
fn base_name(spec: &ChartSpec) -> String {
    let kind = match spec.kind {
        ChartKind::Lines => "",
        ChartKind::Boxes => "-boxes",
        ChartKind::Heatmap => "-heatmap",
    };
    format!("{}{kind}-against-{}", spec.show, spec.against)
}
