//! The columns of `runs.csv` and `summary.csv`.

use backroom_sim::{Axis, Cell};
use serde::Serialize;

/// The positions of the axes' columns in a table: each pair is a column and the axes whose columns follow it. The
/// columns of all other axes come last.
pub(super) struct Layout(pub(super) &'static [(&'static str, &'static [Axis])]);

/// Pairs of a column name and its value.
pub(super) type Fields = Vec<(String, String)>;

impl Layout {
    /// The columns of `row`, a struct with one field per column, combined with the axes of `cell`.
    ///
    /// # Errors
    /// If `row` contains nested values.
    pub(super) fn fields(&self, row: &impl Serialize, cell: &Cell) -> Result<Fields, csv::Error> {
        let axis_field = |axis: &Axis| (axis.column().to_owned(), axis.field(cell));
        let mut fields = Fields::new();
        for (column, field) in flat(row)? {
            let after = self.0.iter().find(|(after, _)| *after == column);
            fields.push((column, field));
            fields.extend(after.iter().flat_map(|(_, axes)| *axes).map(axis_field));
        }
        let placed = |axis: &Axis| self.0.iter().any(|(_, axes)| axes.contains(axis));
        let others = Axis::ALL.into_iter().filter(|axis| !placed(axis));
        fields.extend(others.map(|axis| axis_field(&axis)));
        Ok(fields)
    }
}

/// The names and values of a struct's fields as the CSV writer formats them.
fn flat(row: &impl Serialize) -> Result<Fields, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(row)?;
    let text = writer.into_inner().map_err(|error| error.into_error())?;
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let columns = reader.headers()?.clone();
    let row = reader.records().next().transpose()?.unwrap_or_default();
    let pairs = columns.iter().zip(&row);
    Ok(pairs
        .map(|(column, field)| (column.to_owned(), field.to_owned()))
        .collect())
}
