//! Reading `runs.csv`, also one that a killed sweep left.

use crate::record::RunRecord;

/// The rows of a `runs.csv`.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// They themselves.
    pub records: Vec<RunRecord>,
    /// Bytes of the file that they and the header take.
    pub bytes: u64,
    /// Whether there is more, which is no whole row: a sweep was killed while it wrote it.
    pub torn: bool,
    /// Whether they were written when there were fewer columns.
    pub lacks_columns: bool,
}

impl Rows {
    /// Reads `text`. What comes after the last whole row is left out.
    ///
    /// # Errors
    /// Where a whole row is none that a sweep wrote.
    pub fn parse(text: &[u8]) -> Result<Self, csv::Error> {
        let whole = whole_rows(text)?;
        let mut reader = csv::Reader::from_reader(&text[..whole]);
        let columns = reader.headers()?.len();
        let records: Vec<_> = reader.into_deserialize().collect::<Result<_, _>>()?;
        let lacks_columns = match records.first() {
            Some(record) => columns < columns_of(record)?,
            None => false,
        };
        Ok(Self {
            records,
            lacks_columns,
            bytes: whole as u64,
            torn: whole < text.len(),
        })
    }
}

/// How many columns a row has now.
fn columns_of(record: &RunRecord) -> Result<usize, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(record)?;
    let text = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(csv::Reader::from_reader(text.as_slice()).headers()?.len())
}

/// Up to where `text` consists of rows that end with a line feed and have all fields.
fn whole_rows(text: &[u8]) -> Result<usize, csv::Error> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let mut row = csv::ByteRecord::new();
    let (mut whole, mut fields) = (0, None);
    while reader.read_byte_record(&mut row)? {
        let end = reader.position().byte() as usize;
        let expected = *fields.get_or_insert(row.len());
        let last = end == text.len();
        if last && (row.len() < expected || !text.ends_with(b"\n")) {
            break;
        }
        whole = end;
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::record::Measurement;
    use crate::runner::RunnerKind;
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
            let record = RunRecord::new(run, RunnerKind::Sim, &measurement);
            writer.serialize(record).unwrap();
        }
        writer.into_inner().unwrap()
    }

    #[test]
    fn wherever_a_file_is_cut_off_the_whole_rows_before_are_read() {
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
    fn a_wrong_row_in_the_middle_is_an_error() {
        let whole = String::from_utf8(text(2)).unwrap();
        let wrong = whole.replacen("link", "link,link", 1);
        Rows::parse(wrong.as_bytes()).unwrap_err();
    }
}
