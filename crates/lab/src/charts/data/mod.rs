//! What a chart shows, before anything is drawn.

mod heat;
mod plane;

pub(super) use heat::{HeatMap, HeatPanel};
pub(super) use plane::{Line, Plane, PlanePanel, Point};

use backroom_sim::Axis;

use super::scale::Scale;
use crate::labels;
use crate::scenario::{ChartKind, ChartSpec, Quantity};
use crate::statistics::{self, CellSummary, Pivot};

/// One picture.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// The file's name without extension.
    pub(super) name: String,
    pub(super) title: String,
    /// What all of it has in common.
    pub(super) subtitle: String,
    pub(super) picture: Picture,
}

/// What stands below the title.
#[derive(Clone, Debug)]
pub(super) enum Picture {
    Plane(Plane),
    HeatMap(HeatMap),
}

/// One of the two directions.
#[derive(Clone, Debug)]
pub(super) struct Dimension {
    pub(super) label: String,
    pub(super) scale: Scale,
    /// What the values are multiplied by for the labels of the marks.
    pub(super) label_factor: f64,
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
        .filter_map(|cell| spec.against.number(&cell.first.cell))
        .collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    if xs.len() < 2 {
        return None;
    }
    let picture = match spec.kind {
        ChartKind::Lines | ChartKind::Boxes => Picture::Plane(plane::plane(spec, pivot, &xs)?),
        ChartKind::Heatmap => Picture::HeatMap(heat::heat_map(spec, pivot, &xs)?),
    };
    Some(Chart {
        name: file_name(spec, pivot),
        title: title(spec),
        subtitle: subtitle(spec, pivot),
        picture,
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

/// What all cells have in common and a reader has to know.
fn subtitle(spec: &ChartSpec, pivot: &Pivot<'_>) -> String {
    let common = |axis: &Axis| {
        all_cells(pivot).all(|cell| axis.value(&cell.first.cell) == axis.value(&pivot.example))
    };
    let said: Vec<_> = Axis::ALL
        .into_iter()
        .filter(|axis| !spec.shows(*axis) && axis.is_mentioned(pivot.example))
        .filter(common)
        .collect();
    let runs = all_cells(pivot).map(|cell| cell.runs).max().unwrap_or(0);
    let how = match (spec.kind, spec.show) {
        (_, _) if runs < 2 => String::new(),
        (ChartKind::Lines, show)
            if all_cells(pivot).any(|cell| cell.interval_of(show).is_some()) =>
        {
            format!("; medians of {runs} runs{}", plane::BARS)
        }
        (ChartKind::Lines | ChartKind::Heatmap, _) => format!("; medians of {runs} runs"),
        (ChartKind::Boxes, Quantity::SegmentDelay) => format!(
            "; from least to greatest, box from the median to 90 %, tick at 99 %, medians of {runs} runs"
        ),
        (ChartKind::Boxes, _) => {
            format!("; {runs} runs from least to greatest, box over the middle half")
        }
    };
    labels::phrases(&said, pivot.example) + &how
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
        name += &format!("-{axis}-{}", axis.value(&pivot.example));
    }
    name
}
