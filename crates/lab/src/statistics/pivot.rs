//! Arranges cells for a chart or a table: in panels, on lines, along an axis.

use backroom_sim::{Axis, Cell};

use super::CellSummary;
use crate::scenario::ChartSpec;

/// The cells of one chart.
#[derive(Clone, Debug)]
pub(crate) struct Pivot<'a> {
    /// Axes that vary in the sweep but not in this pivot, because neither panels nor lines nor the x axis show them.
    pub(crate) fixed: Vec<Axis>,
    /// Any cell, for the values of the fixed axes.
    pub(crate) example: &'a Cell,
    pub(crate) panels: Vec<Panel<'a>>,
    /// A cell on each line.
    pub(crate) lines: Vec<&'a Cell>,
}

/// The cells of one panel.
#[derive(Clone, Debug)]
pub(crate) struct Panel<'a> {
    /// Any cell in it.
    pub(crate) example: &'a Cell,
    /// The cells on each of the pivot's lines, in ascending order of x; empty if the line has no cell in this panel.
    pub(crate) lines: Vec<Vec<&'a CellSummary>>,
}

/// Arranges `cells` for `spec`: in one pivot or, if more axes vary than it can show, in one for each combination of the
/// others.
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

fn pivot<'a>(
    spec: &ChartSpec,
    cells: &[&'a CellSummary],
    fixed: Vec<Axis>,
    example: &'a Cell,
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
    line: &Cell,
) -> Vec<&'a CellSummary> {
    let mut cells = on_same(cells, &spec.lines, line);
    let x = |cell: &CellSummary| spec.against.number(&cell.first.cell).unwrap_or(f64::NAN);
    cells.sort_by(|one, other| x(one).total_cmp(&x(other)));
    cells
}

/// The axes that vary within a panel although the chart does not show them.
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

/// A cell for each combination of values on `axes`, in order of appearance. Without axes, the first cell.
fn distinct<'a>(cells: &[&'a CellSummary], axes: &[Axis]) -> Vec<&'a Cell> {
    let mut found: Vec<&Cell> = Vec::new();
    for cell in cells {
        if !found
            .iter()
            .any(|other| same_on(axes, other, &cell.first.cell))
        {
            found.push(&cell.first.cell);
        }
    }
    found
}

fn on_same<'a>(cells: &[&'a CellSummary], axes: &[Axis], example: &Cell) -> Vec<&'a CellSummary> {
    cells
        .iter()
        .copied()
        .filter(|cell| same_on(axes, &cell.first.cell, example))
        .collect()
}

fn same_on(axes: &[Axis], one: &Cell, other: &Cell) -> bool {
    axes.iter().all(|axis| axis.value(one) == axis.value(other))
}
