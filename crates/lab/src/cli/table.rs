//! Results as tables for a terminal.

use comfy_table::{CellAlignment, Table, presets};

use crate::scenario::{Axis, ChartSpec, Quantity, Scenario};
use crate::statistics::{self, CellSummary, Panel, Pivot};
use crate::words;

/// An empty table in the lab's look, which needs neither colour nor lines.
pub(super) fn plain(header: impl IntoIterator<Item = impl ToString>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(
        header
            .into_iter()
            .map(|text| text.to_string())
            .collect::<Vec<_>>(),
    );
    table
}

/// The medians of `cells` as the scenario's first chart arranges them: a table for each panel, a column for each line.
/// Each comes with a heading.
pub(super) fn tables(scenario: &Scenario, cells: &[CellSummary]) -> Vec<(String, Table)> {
    let Some(spec) = scenario.charts.first() else {
        return Vec::new();
    };
    statistics::pivots(spec, cells)
        .iter()
        .flat_map(|pivot| tables_of(spec, pivot))
        .collect()
}

fn tables_of(spec: &ChartSpec, pivot: &Pivot<'_>) -> Vec<(String, Table)> {
    let labels = pivot
        .lines
        .iter()
        .map(|line| match words::phrases(&spec.lines, line) {
            label if label.is_empty() => words::quantity_label(spec.show).to_owned(),
            label => label,
        });
    let header: Vec<_> = std::iter::once(words::axis_label(spec.against).to_owned())
        .chain(labels)
        .collect();
    pivot
        .panels
        .iter()
        .map(|panel| {
            let fixed = words::phrases(&pivot.fixed, pivot.example);
            let parts = [
                words::panel_title(spec, panel.example),
                fixed,
                median_of(spec.show),
            ];
            let heading: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let mut table = plain(&header);
            for row in rows(spec, panel) {
                table.add_row(row);
            }
            for column in table.column_iter_mut() {
                column.set_cell_alignment(CellAlignment::Right);
            }
            (heading.join(", "), table)
        })
        .collect()
}

/// A row for each value along the x axis, with the median of each line.
fn rows(spec: &ChartSpec, panel: &Panel<'_>) -> Vec<Vec<String>> {
    let x = |cell: &CellSummary| statistics::x_value(spec.against, &cell.first);
    let mut xs: Vec<_> = panel
        .lines
        .iter()
        .flatten()
        .filter_map(|cell| x(cell))
        .collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let percent = if spec.against == Axis::Loss {
        100.0
    } else {
        1.0
    };
    xs.into_iter()
        .map(|place| {
            let medians = panel.lines.iter().map(|line| {
                let cell = line.iter().find(|cell| x(cell) == Some(place));
                let spread = cell.and_then(|cell| cell.of_quantity(spec.show));
                spread.map_or_else(|| "-".to_owned(), |spread| words::number(spread.median))
            });
            std::iter::once(words::number(place * percent))
                .chain(medians)
                .collect()
        })
        .collect()
}

fn median_of(quantity: Quantity) -> String {
    format!("median {}", words::quantity_label(quantity))
}
