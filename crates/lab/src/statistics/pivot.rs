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
    pub(crate) example: &'a Cell,
    /// The cells on each of the pivot's lines, in ascending order of x; empty if the line has no cell in this panel.
    pub(crate) lines: Vec<Vec<&'a CellSummary>>,
}

/// Arranges `cells` for `spec`: in one pivot or, if more axes vary than it can show, in one for each combination of the
/// others.
pub(crate) fn pivots<'a>(spec: &ChartSpec, cells: &'a [CellSummary]) -> Vec<Pivot<'a>> {
    let panels = grouped(cells, &spec.panels);
    let varying: Vec<_> = panels
        .iter()
        .flat_map(|panel| varying(panel.iter().map(|cell| &cell.first.cell)))
        .collect();
    let fixed: Vec<_> = Axis::ALL
        .into_iter()
        .filter(|axis| !spec.shows(*axis) && varying.contains(axis))
        .collect();
    grouped(cells, &fixed)
        .iter()
        .map(|cells| pivot(spec, cells, fixed.clone()))
        .collect()
}

fn pivot<'a>(spec: &ChartSpec, cells: &[&'a CellSummary], fixed: Vec<Axis>) -> Pivot<'a> {
    let example = |group: &[&'a CellSummary]| &group[0].first.cell;
    let lines = grouped(cells.iter().copied(), &spec.lines);
    let lines: Vec<_> = lines.iter().map(|line| example(line)).collect();
    let panel = |panel: Vec<&'a CellSummary>| Panel {
        example: example(&panel),
        lines: lines
            .iter()
            .map(|line| along_line(spec, &panel, line))
            .collect(),
    };
    Pivot {
        fixed,
        example: example(cells),
        panels: grouped(cells.iter().copied(), &spec.panels)
            .into_iter()
            .map(panel)
            .collect(),
        lines,
    }
}

fn along_line<'a>(
    spec: &ChartSpec,
    cells: &[&'a CellSummary],
    line: &Cell,
) -> Vec<&'a CellSummary> {
    let mut cells = cells.to_vec();
    cells.retain(|cell| same_on(&spec.lines, &cell.first.cell, line));
    let x = |cell: &CellSummary| spec.against.number(&cell.first.cell).unwrap_or(f64::NAN);
    cells.sort_by(|one, other| x(one).total_cmp(&x(other)));
    cells
}

/// The axes on which `cells` differ.
pub(crate) fn varying<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Vec<Axis> {
    let cells: Vec<_> = cells.into_iter().collect();
    let varies = |axis: &Axis| {
        let mut neighbours = cells.windows(2);
        neighbours.any(|pair| !same_on(&[*axis], pair[0], pair[1]))
    };
    Axis::ALL.into_iter().filter(varies).collect()
}

/// Groups the cells with equal values on `axes`, in order of appearance. No group is empty.
pub(crate) fn grouped<'a>(
    cells: impl IntoIterator<Item = &'a CellSummary>,
    axes: &[Axis],
) -> Vec<Vec<&'a CellSummary>> {
    let mut groups: Vec<Vec<&CellSummary>> = Vec::new();
    for cell in cells {
        let same =
            |group: &&mut Vec<&CellSummary>| same_on(axes, &group[0].first.cell, &cell.first.cell);
        match groups.iter_mut().find(same) {
            Some(group) => group.push(cell),
            None => groups.push(vec![cell]),
        }
    }
    groups
}

fn same_on(axes: &[Axis], one: &Cell, other: &Cell) -> bool {
    axes.iter().all(|axis| axis.value(one) == axis.value(other))
}
