//! The tables of the page.

use backroom_sim::{Axis, Cell};
use backroom_vocabulary::format_number;

use super::Report;
use super::findings;
use crate::labels;
use crate::scenario::Reference;
use crate::statistics::{CellSummary, Interval};

/// A table with headings.
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

/// A row for each cell. Axes on which all cells are equal and columns without values are left out.
pub(super) fn cells(report: &Report<'_>) -> Table {
    let axes = findings::varying(report.cells);
    let mut columns: Vec<Column<'_>> = axes
        .into_iter()
        .map(|axis| -> Column<'_> {
            let field = move |cell: &CellSummary| axis_field(axis, &cell.first.cell);
            (axis.label(), Box::new(field))
        })
        .collect();
    let has_values =
        |column: &Column<'_>| report.cells.iter().any(|cell| !column.1(cell).is_void());
    columns.extend(measured().into_iter().filter(has_values));
    if report
        .cells
        .iter()
        .any(|cell| cell.sim_goodput_mbps.is_some())
    {
        let simulated = |cell: &CellSummary| Field::number(cell.sim_goodput_mbps);
        columns.push(("simulated (Mbit/s)".to_owned(), Box::new(simulated)));
        let difference = |cell: &CellSummary| Field::difference(cell.sim_difference());
        columns.push((
            "difference from simulated (%)".to_owned(),
            Box::new(difference),
        ));
    }
    if report.cells.iter().any(|cell| cell.cause.is_some()) {
        columns.push((
            "likely cause".to_owned(),
            Box::new(|cell| Field::word(cell.cause)),
        ));
    }
    Table {
        headings: columns.iter().map(|(heading, _)| heading.clone()).collect(),
        rows: report
            .cells
            .iter()
            .map(|cell| columns.iter().map(|(_, field)| field(cell)).collect())
            .collect(),
    }
}

fn measured<'a>() -> Vec<Column<'a>> {
    fn column<'a>(heading: &str, field: impl Fn(&CellSummary) -> Field + 'a) -> Column<'a> {
        (heading.to_owned(), Box::new(field))
    }
    vec![
        column("runs", |cell| Field::count(cell.runs)),
        column("failed", |cell| Field::count(cell.failed)),
        column("refused by the gate", |cell| Field::count(cell.gate_failed)),
        column("goodput (Mbit/s)", |cell| {
            Field::number(cell.goodput_mbps.map(|spread| spread.median))
        }),
        column("95 % interval", |cell| Field::interval(cell.goodput_ci)),
        column("time (s)", |cell| {
            Field::number(cell.seconds.map(|spread| spread.median))
        }),
        column("transmissions per segment", |cell| {
            Field::number(cell.transmissions.map(|spread| spread.median))
        }),
        column("segment delay, median (ms)", |cell| {
            Field::number(cell.segment_delay_p50_ms.map(|spread| spread.median))
        }),
        column("segment delay, 99th percentile (ms)", |cell| {
            Field::number(cell.segment_delay_p99_ms.map(|spread| spread.median))
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
