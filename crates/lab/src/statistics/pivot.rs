//! Cells arranged as a chart or a table shows them: in panels, on lines, along an axis.

use super::CellSummary;
use crate::record::RunRecord;
use crate::scenario::{Axis, ChartSpec};

/// The cells of one chart.
#[derive(Clone, Debug)]
pub(crate) struct Pivot<'a> {
    /// The axes that vary but that this pivot holds fixed, since neither panels nor lines nor the x axis show them.
    pub(crate) fixed: Vec<Axis>,
    /// Any row, for the values of the fixed axes.
    pub(crate) example: &'a RunRecord,
    pub(crate) panels: Vec<Panel<'a>>,
    /// For each line a row that is on it.
    pub(crate) lines: Vec<&'a RunRecord>,
}

/// The cells of one panel.
#[derive(Clone, Debug)]
pub(crate) struct Panel<'a> {
    /// Any row in it.
    pub(crate) example: &'a RunRecord,
    /// The cells on each of the pivot's lines, by growing x; none where the line has nothing in this panel.
    pub(crate) lines: Vec<Vec<&'a CellSummary>>,
}

/// Arranges `cells` for `spec`: in one pivot, or where more axes vary than it can show, in one for each combination of
/// the others.
pub(crate) fn pivots<'a>(spec: &ChartSpec, cells: &'a [CellSummary]) -> Vec<Pivot<'a>> {
    let cells: Vec<_> = cells.iter().collect();
    let fixed = fixed_axes(spec, &cells);
    distinct(&cells, &fixed)
        .into_iter()
        .map(|example| {
            pivot(
                spec,
                &on_same(&cells, &fixed, example),
                fixed.clone(),
                example,
            )
        })
        .collect()
}

/// Where a row lies on `axis`. `None` on an axis without numbers.
pub(crate) fn x_value(axis: Axis, record: &RunRecord) -> Option<f64> {
    record.axis_text(axis).parse().ok()
}

fn pivot<'a>(
    spec: &ChartSpec,
    cells: &[&'a CellSummary],
    fixed: Vec<Axis>,
    example: &'a RunRecord,
) -> Pivot<'a> {
    let lines = distinct(cells, &spec.lines);
    let panels = distinct(cells, spec.panels.as_slice())
        .into_iter()
        .map(|panel| {
            let cells = on_same(cells, spec.panels.as_slice(), panel);
            Panel {
                example: panel,
                lines: lines
                    .iter()
                    .map(|line| along_line(spec, &cells, line))
                    .collect(),
            }
        })
        .collect();
    Pivot {
        fixed,
        example,
        panels,
        lines,
    }
}

fn along_line<'a>(
    spec: &ChartSpec,
    cells: &[&'a CellSummary],
    line: &RunRecord,
) -> Vec<&'a CellSummary> {
    let mut cells = on_same(cells, &spec.lines, line);
    let x = |cell: &CellSummary| x_value(spec.against, &cell.first).unwrap_or(f64::NAN);
    cells.sort_by(|one, other| x(one).total_cmp(&x(other)));
    cells
}

/// The axes that vary among the cells of one panel, though nothing shows it.
fn fixed_axes(spec: &ChartSpec, cells: &[&CellSummary]) -> Vec<Axis> {
    let panels: Vec<_> = distinct(cells, spec.panels.as_slice())
        .into_iter()
        .map(|panel| on_same(cells, spec.panels.as_slice(), panel))
        .collect();
    let varies = |axis: &Axis| {
        panels
            .iter()
            .any(|panel| distinct(panel, &[*axis]).len() > 1)
    };
    Axis::ALL
        .into_iter()
        .filter(|axis| !spec.shows(*axis))
        .filter(varies)
        .collect()
}

/// A row for each combination of values on `axes`, in the order in which they come. Without axes the first.
fn distinct<'a>(cells: &[&'a CellSummary], axes: &[Axis]) -> Vec<&'a RunRecord> {
    let mut found: Vec<&RunRecord> = Vec::new();
    for cell in cells {
        if !found.iter().any(|other| same_on(axes, other, &cell.first)) {
            found.push(&cell.first);
        }
    }
    found
}

fn on_same<'a>(
    cells: &[&'a CellSummary],
    axes: &[Axis],
    example: &RunRecord,
) -> Vec<&'a CellSummary> {
    cells
        .iter()
        .copied()
        .filter(|cell| same_on(axes, &cell.first, example))
        .collect()
}

fn same_on(axes: &[Axis], one: &RunRecord, other: &RunRecord) -> bool {
    axes.iter()
        .all(|axis| one.axis_text(*axis) == other.axis_text(*axis))
}
