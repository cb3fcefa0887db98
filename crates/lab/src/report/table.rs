//! The tables of the page.

use backroom_sim::{Axis, Cell};
use backroom_vocabulary::format_number;

use super::Report;
use super::findings;
use crate::labels;
use crate::scenario::Reference;
use crate::statistics::{CellSummary, Interval, Spread};

pub(super) struct Table {
    pub(super) headings: Vec<String>,
    pub(super) rows: Vec<Vec<Field>>,
}

/// A cell of a table.
pub(super) enum Field {
    Text(String),
    /// A number as it is shown, and its value for sorting.
    Number(String, Option<f64>),
}

impl Field {
    fn number(value: Option<f64>) -> Self {
        Self::Number(value.map_or_else(String::new, format_number), value)
    }

    fn word(word: Option<impl ToString>) -> Self {
        Self::Text(word.map_or_else(String::new, |word| word.to_string()))
    }

    fn count(value: usize) -> Self {
        Self::Number(value.to_string(), Some(value as f64))
    }

    /// Both ends, sorted by the lower one.
    fn interval(interval: Option<Interval>) -> Self {
        let text = |interval: Interval| {
            let [low, high] = [interval.low, interval.high].map(format_number);
            format!("{low}–{high}")
        };
        Self::Number(
            interval.map_or_else(String::new, text),
            interval.map(|interval| interval.low),
        )
    }

    /// Whether it is empty or zero.
    fn is_void(&self) -> bool {
        matches!(self, Self::Text(text) | Self::Number(text, _) if text.is_empty() || text == "0")
    }

    /// A fraction as a percentage with a sign.
    fn difference(value: Option<f64>) -> Self {
        let text = value.map_or_else(String::new, |value| format!("{:+.1}", value * 100.0));
        Self::Number(text, value)
    }
}

/// A column of the table of cells: its heading and its field for each cell.
type Column<'a> = (String, Box<dyn Fn(&CellSummary) -> Field + 'a>);

fn column<'a>(heading: &str, field: impl Fn(&CellSummary) -> Field + 'a) -> Column<'a> {
    (heading.to_owned(), Box::new(field))
}

/// A row for each cell. Axes on which all cells are equal and columns without values are left out.
pub(super) fn cells(report: &Report<'_>) -> Table {
    let axes = findings::varying(report.cells).into_iter();
    let mut columns: Vec<_> = axes
        .map(|axis| {
            column(&axis.label(), move |cell| {
                axis_field(axis, &cell.first.cell)
            })
        })
        .collect();
    let cells = report.cells;
    let has_values = |column: &Column<'_>| cells.iter().any(|cell| !column.1(cell).is_void());
    columns.extend(measured().into_iter().filter(has_values));
    if cells.iter().any(|cell| cell.sim_goodput_mbps.is_some()) {
        columns.push(column("simulated (Mbit/s)", |cell| {
            Field::number(cell.sim_goodput_mbps)
        }));
        columns.push(column("difference from simulated (%)", |cell| {
            Field::difference(cell.sim_difference())
        }));
    }
    if cells.iter().any(|cell| cell.cause.is_some()) {
        columns.push(column("likely cause", |cell| Field::word(cell.cause)));
    }
    Table {
        headings: columns.iter().map(|(heading, _)| heading.clone()).collect(),
        rows: cells
            .iter()
            .map(|cell| columns.iter().map(|(_, field)| field(cell)).collect())
            .collect(),
    }
}

fn measured<'a>() -> Vec<Column<'a>> {
    let median = |spread: Option<Spread>| Field::number(spread.map(|spread| spread.median));
    vec![
        column("runs", |cell| Field::count(cell.runs)),
        column("failed", |cell| Field::count(cell.failed)),
        column("refused by the gate", |cell| Field::count(cell.gate_failed)),
        column("goodput (Mbit/s)", move |cell| median(cell.goodput_mbps)),
        column("95 % interval", |cell| Field::interval(cell.goodput_ci)),
        column("time (s)", move |cell| median(cell.seconds)),
        column("transmissions per segment", move |cell| {
            median(cell.transmissions)
        }),
        column("segment delay, median (ms)", move |cell| {
            median(cell.segment_delay_p50_ms)
        }),
        column("segment delay, 99th percentile (ms)", move |cell| {
            median(cell.segment_delay_p99_ms)
        }),
        column("model (Mbit/s)", |cell| {
            Field::number(cell.model_goodput_mbps)
        }),
        column("difference from model (%)", |cell| {
            Field::difference(cell.model_difference())
        }),
    ]
}

fn axis_field(axis: Axis, cell: &Cell) -> Field {
    match axis.number(cell) {
        Some(number) if axis.scale() != 1.0 => {
            Field::Number(format_number(number * axis.scale()), Some(number))
        }
        number @ Some(_) => Field::Number(axis.value(cell), number),
        None => Field::Text(axis.value(cell)),
    }
}

/// The first `most` excluded runs, each with its reason and the command that repeats it.
pub(super) fn failures(report: &Report<'_>, most: usize) -> Table {
    let axes = findings::varying(report.cells);
    let failed = report.records.iter().filter(|record| !record.counts());
    Table {
        headings: ["cell", "seed", "gate", "reason", "command"]
            .map(str::to_owned)
            .to_vec(),
        rows: failed
            .take(most)
            .map(|record| {
                vec![
                    Field::Text(labels::phrases(&axes, &record.cell)),
                    Field::Number(record.seed.to_string(), Some(record.seed as f64)),
                    Field::word(record.gate),
                    Field::Text(record.note.clone()),
                    Field::Text(record.command.clone()),
                ]
            })
            .collect(),
    }
}

/// Published completion times, with the medians of the same cells in these results.
pub(super) fn references(report: &Report<'_>) -> Table {
    let row = |reference: &Reference| {
        let same_cell = |cell: &&CellSummary| reference.is_of(&cell.first.cell);
        let here = report.cells.iter().find(same_cell);
        vec![
            Field::Text(reference.label.clone()),
            Field::number(Some(reference.seconds)),
            Field::number(here.and_then(|cell| Some(cell.seconds?.median))),
            Field::Text(reference.source.clone()),
        ]
    };
    Table {
        headings: ["published by", "published (s)", "here (s)", "source"]
            .map(str::to_owned)
            .to_vec(),
        rows: report.scenario.references.iter().map(row).collect(),
    }
}
