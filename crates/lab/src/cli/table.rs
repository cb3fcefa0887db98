//! Results as tables for a terminal.

use std::collections::HashSet;

use backroom_vocabulary::format_number;
use comfy_table::{CellAlignment, Table, presets};

use crate::assess::{DIFFERENCE, SMALL_DIFFERENCE};
use crate::labels;
use crate::scenario::{ChartSpec, Quantity, Scenario};
use crate::statistics::{self, CellSummary, Panel, Pivot};

/// Share of the best fixed window's goodput that the automatic window should reach.
const NEAR: f64 = 0.9;

/// An empty table in the style of the lab, without colours or borders.
pub(super) fn plain(header: impl IntoIterator<Item = impl ToString>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let header = header.into_iter().map(|text| text.to_string());
    table.set_header(header.collect::<Vec<_>>());
    table
}

/// The medians of `cells`, arranged like the scenario's first chart: a table for each panel, a column for each line.
/// Each table has a heading.
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
        .map(|line| match labels::phrases(&spec.lines, line) {
            label if label.is_empty() => labels::quantity_label(spec.show).to_owned(),
            label => label,
        });
    let header: Vec<_> = std::iter::once(spec.against.label())
        .chain(labels)
        .collect();
    pivot
        .panels
        .iter()
        .map(|panel| {
            let fixed = labels::phrases(&pivot.fixed, pivot.example);
            let parts = [
                labels::panel_title(spec, panel.example),
                fixed,
                format!("median {}", labels::quantity_label(spec.show)),
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

/// The median, followed by its interval if the ends differ: `9.47 (9.1 to 9.8)`.
fn median(cell: &CellSummary, quantity: Quantity) -> String {
    let Some(spread) = cell.of_quantity(quantity) else {
        return "-".to_owned();
    };
    let [median, low, high] = match cell.interval_of(quantity) {
        Some(interval) => [spread.median, interval.low, interval.high].map(format_number),
        None => return format_number(spread.median),
    };
    match low == high {
        true => median,
        false => format!("{median} ({low} to {high})"),
    }
}

/// Published completion times next to the medians of the same cells. `None` if the scenario has no references.
pub(super) fn references(scenario: &Scenario, cells: &[CellSummary]) -> Option<Table> {
    let mut table = plain(["published", "theirs (s)", "here (s)", "source"]);
    for reference in &scenario.references {
        let same_cell = cells.iter().find(|cell| reference.is_of(&cell.first.cell));
        let here = same_cell.map_or_else(|| "-".to_owned(), |cell| median(cell, Quantity::Seconds));
        table.add_row([
            reference.label.clone(),
            format_number(reference.seconds),
            here,
            reference.source.clone(),
        ]);
    }
    (!scenario.references.is_empty()).then_some(table)
}

/// Remarks below the tables: the excluded runs, and how many cells agree with the model and the simulator.
pub(super) fn remarks(cells: &[CellSummary]) -> Vec<String> {
    let sum = |count: fn(&CellSummary) -> usize| cells.iter().map(count).sum::<usize>();
    let (failed, rejected) = (sum(|cell| cell.failed), sum(|cell| cell.gate_failed));
    let mut remarks = Vec::new();
    if cells.iter().any(|cell| cell.goodput_ci.is_some()) {
        remarks.push("in brackets: 95 % interval of the median, if its ends differ".to_owned());
    }
    if failed > 0 {
        remarks.push(format!(
            "runs that failed and are excluded: {failed}; `note` in runs.csv gives the reason"
        ));
    }
    if rejected > 0 {
        remarks.push(format!(
            "runs excluded because their network was not as requested: {rejected}; `note` in runs.csv gives the reason"
        ));
    }
    let from_model: fn(&CellSummary) -> Option<f64> = CellSummary::model_difference;
    for (reference, difference) in [
        ("the model", from_model),
        ("the simulator", CellSummary::sim_difference),
    ] {
        let differences: Vec<_> = cells.iter().filter_map(difference).collect();
        let within = |limit: f64| {
            differences
                .iter()
                .filter(|part| part.abs() <= limit)
                .count()
        };
        if !differences.is_empty() {
            remarks.push(format!(
                "{} of {} cells are within 10 % of {reference}, {} within 5 %; `cause` in summary.csv gives likely reasons for \
                 the others",
                within(DIFFERENCE),
                differences.len(),
                within(SMALL_DIFFERENCE)
            ));
        }
    }
    remarks.extend(compare_auto_window(cells));
    remarks
}

/// Compares the automatic window with the best fixed one, if the sweep has both.
fn compare_auto_window(cells: &[CellSummary]) -> Option<String> {
    let ratios = statistics::auto_ratios(cells);
    let near = ratios.iter().filter(|ratio| **ratio >= NEAR).count();
    let least = ratios.iter().copied().min_by(f64::total_cmp)?;
    Some(format!(
        "`auto` reaches at least 90 % of the best fixed window's goodput in {near} of {} cells ({:.1} %); its minimum is {:.0} %",
        ratios.len(),
        100.0 * near as f64 / ratios.len() as f64,
        100.0 * least
    ))
}

/// A row for each value along the x axis, with the median of each line. Values that are not numbers, such as the window
/// `auto`, come last.
fn rows(spec: &ChartSpec, panel: &Panel<'_>) -> Vec<Vec<String>> {
    let text = |cell: &CellSummary| spec.against.value(&cell.first.cell);
    let x = |cell: &CellSummary| spec.against.number(&cell.first.cell);
    let mut places: Vec<_> = panel
        .lines
        .iter()
        .flatten()
        .map(|cell| (x(cell), text(cell)))
        .collect();
    places.sort_by(|(one, _), (other, _)| {
        let last = |place: &Option<f64>| place.unwrap_or(f64::INFINITY);
        last(one).total_cmp(&last(other))
    });
    let mut seen = HashSet::new();
    places.retain(|(_, text)| seen.insert(text.clone()));
    let scale = spec.against.scale();
    places
        .into_iter()
        .map(|(place, name)| {
            let medians = panel.lines.iter().map(|line| {
                let cell = line.iter().find(|cell| text(cell) == name);
                cell.map_or_else(|| "-".to_owned(), |cell| median(cell, spec.show))
            });
            let label = place.map_or_else(|| name.clone(), |place| format_number(place * scale));
            std::iter::once(label).chain(medians).collect()
        })
        .collect()
}
