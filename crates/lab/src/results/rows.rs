//! Reads and writes the rows of `runs.csv`. If a killed sweep left an incomplete last row, it is ignored.

use std::io;

use backroom_sim::{Axis, AxisError, Cell};
use csv::StringRecord;

use super::columns::{Fields, Layout};
use crate::record::RunRecord;
use crate::runner::{ClockName, RunnerName};

const LAYOUT: Layout = Layout(&[
    (
        "shaper",
        &[
            Axis::CAST,
            Axis::DELIVERY,
            Axis::RECEIVERS,
            Axis::WINDOW,
            Axis::RECOVERY,
            Axis::TIMEOUT,
            Axis::RATE,
            Axis::DELAY,
            Axis::LOSS,
            Axis::FILE,
            Axis::SEGMENT,
        ],
    ),
    (
        "go_backs",
        &[Axis::JITTER, Axis::QUEUE, Axis::BURST, Axis::LOSS_SIDE],
    ),
    ("cause", &[Axis::COPIES]),
    ("segments_copied", &[Axis::DUPLICATE]),
]);

/// The rows of a `runs.csv`.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The complete rows.
    pub records: Vec<RunRecord>,
    /// Size of the header and the complete rows in bytes.
    pub bytes: u64,
    /// Whether an incomplete row follows, because a sweep was killed while writing it.
    pub torn: bool,
    /// Whether the file has fewer columns than this version writes.
    pub lacks_columns: bool,
}

/// The columns and values of a row, formatted by the CSV writer.
///
/// # Errors
/// None in practice: a record is flat.
pub(super) fn fields(record: &RunRecord) -> Result<Fields, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(record)?;
    let text = writer.into_inner().map_err(|error| error.into_error())?;
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let columns = reader.headers()?.clone();
    let row = reader.records().next().transpose()?.unwrap_or_default();
    let pairs = columns.iter().zip(&row);
    let owned = pairs.map(|(column, field)| (column.to_owned(), field.to_owned()));
    Ok(LAYOUT.fields(owned.collect(), &record.cell))
}

impl Rows {
    /// Reads `text` up to its last complete row.
    ///
    /// # Errors
    /// If a complete row is invalid. The message has its number from 1, without the header, or its line.
    pub fn parse(text: &[u8]) -> io::Result<Self> {
        let complete = length_of_complete_rows(text)?;
        let mut reader = csv::Reader::from_reader(&text[..complete]);
        let columns = reader.headers()?.clone();
        let has_clock = columns.iter().any(|column| column == "clock");
        let mut records = Vec::new();
        for row in reader.records() {
            let row = row?;
            let mut record: RunRecord = row.deserialize(Some(&columns))?;
            if !has_clock && record.runner == RunnerName::Sim {
                record.clock = ClockName::Virtual;
            }
            record.cell = cell(&columns, &row)
                .map_err(|error| io::Error::other(format!("row {}: {error}", records.len() + 1)))?;
            records.push(record);
        }
        let lacks_columns = match records.first() {
            Some(record) => columns.len() < fields(record)?.len(),
            None => false,
        };
        Ok(Self {
            records,
            lacks_columns,
            bytes: complete as u64,
            torn: complete < text.len(),
        })
    }
}

/// The cell of a row. An axis that did not exist yet when the row was written has its default.
fn cell(columns: &StringRecord, row: &StringRecord) -> Result<Cell, AxisError> {
    let mut cell = Cell::default();
    for axis in Axis::ALL {
        let column = columns.iter().position(|column| column == axis.column());
        match (
            column.and_then(|column| row.get(column)),
            axis.default_value(),
        ) {
            (Some(field), _) => axis.set_field(&mut cell, field)?,
            (None, Some(value)) => axis.set(&mut cell, value)?,
            (None, None) => {}
        }
    }
    Ok(cell)
}

/// Length of the prefix of `text` that consists of complete rows. The last row is incomplete if it lacks fields or a
/// line feed.
fn length_of_complete_rows(text: &[u8]) -> Result<usize, csv::Error> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let mut row = csv::ByteRecord::new();
    let (mut complete, mut fields) = (0, None);
    while reader.read_byte_record(&mut row)? {
        let end = reader.position().byte() as usize;
        let expected = *fields.get_or_insert(row.len());
        let last = end == text.len();
        if last && (row.len() < expected || !text.ends_with(b"\n")) {
            break;
        }
        complete = end;
    }
    Ok(complete)
}

#[cfg(test)]
mod tests {
    use super::*;
    use backroom_sim::Measurement;

    use crate::assess::assess;
    use crate::plan::Plan;
    use crate::runner::{RunnerKind, Shaper};
    use crate::scenario::Scenario;

    fn text(rows: usize) -> Vec<u8> {
        let text = format!("title = 'x'\nrepetitions = {rows}");
        let plan = Plan::new(&Scenario::parse("a, b", &text).unwrap()).unwrap();
        let mut writer = csv::Writer::from_writer(Vec::new());
        for run in &plan.runs {
            let measurement = Measurement {
                failure: Some("it said \"no\",\nand left".to_owned()),
                ..Measurement::default()
            };
            let record = assess(run, RunnerKind::SIM, &measurement);
            let (columns, row): (Vec<_>, Vec<_>) = fields(&record).unwrap().into_iter().unzip();
            if run.index == 0 {
                writer.write_record(columns).unwrap();
            }
            writer.write_record(row).unwrap();
        }
        writer.into_inner().unwrap()
    }

    #[test]
    fn a_truncated_file_is_read_up_to_its_last_complete_row() {
        let (one, two) = (text(1).len(), text(2).len());
        let whole = text(3);
        let header = 1 + whole.iter().position(|byte| *byte == b'\n').unwrap();
        for cut in 0..=whole.len() {
            let rows = Rows::parse(&whole[..cut]).unwrap();
            let ends = [0, header, one, two, whole.len()];
            let expected = *ends.iter().rfind(|end| **end <= cut).unwrap();
            assert_eq!(rows.bytes, expected as u64, "cut at {cut}");
            assert_eq!(rows.torn, expected < cut, "cut at {cut}");
            let count = ends.iter().position(|end| *end == expected).unwrap();
            assert_eq!(rows.records.len(), count.saturating_sub(1), "cut at {cut}");
        }
    }

    #[test]
    fn an_invalid_row_in_the_middle_is_an_error() {
        let whole = String::from_utf8(text(2)).unwrap();
        let wrong = whole.replacen("link", "link,link", 1);
        Rows::parse(wrong.as_bytes()).unwrap_err();
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let rows = Rows::parse(&text(2)).unwrap();
        assert!(!rows.lacks_columns && !rows.torn);
        let again: Vec<_> = rows
            .records
            .iter()
            .map(|row| fields(row).unwrap())
            .collect();
        let text = String::from_utf8(text(2)).unwrap();
        let header: Vec<_> = again[0].iter().map(|(column, _)| column.as_str()).collect();
        assert_eq!(text.lines().next().unwrap(), header.join(","));
        assert_eq!(rows.records[1].seed, 2);
    }

    #[test]
    fn a_row_without_a_clock_has_that_of_its_runner() {
        let text = String::from_utf8(text(1)).unwrap();
        let older = text.replacen(",clock\n", ",other\n", 1);
        assert_ne!(older, text);
        let clock = |text: &str| Rows::parse(text.as_bytes()).unwrap().records[0].clock;
        assert_eq!(clock(&older), RunnerKind::SIM.clock);
        let in_containers = older.replacen(",sim,link,", ",docker,netem,", 1);
        let real = RunnerKind::docker(Shaper::Netem, ClockName::Real);
        assert_eq!(clock(&in_containers), real.clock);
    }

    #[test]
    fn an_axis_without_a_column_has_its_default() {
        let text = String::from_utf8(text(1)).unwrap();
        let older = text.replacen(",copies", ",other", 1);
        let rows = Rows::parse(older.as_bytes()).unwrap();
        assert_eq!(rows.records[0].cell.copies, backroom_gbn::Copies::ONE);
        let wrong = text.replacen(",unicast,", ",anycast,", 1);
        let error = Rows::parse(wrong.as_bytes()).unwrap_err().to_string();
        assert!(
            error.contains("row 1") && error.contains("unicast"),
            "{error}"
        );
    }
}
