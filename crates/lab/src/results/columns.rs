//! The columns of `runs.csv` and `summary.csv`.

use backroom_sim::{Axis, Cell};

/// The positions of the axes' columns in a table: each pair is a column and the axes whose columns follow it. The
/// columns of all other axes come last.
pub(super) struct Layout(pub(super) &'static [(&'static str, &'static [Axis])]);

/// Pairs of a column name and its value.
pub(super) type Fields = Vec<(String, String)>;

impl Layout {
    /// The columns in `row`, combined with the axes of `cell`.
    pub(super) fn fields(&self, row: Fields, cell: &Cell) -> Fields {
        let axis_field = |axis: &Axis| (axis.column().to_owned(), axis.field(cell));
        let mut fields = Fields::new();
        for (column, field) in row {
            let after = self.0.iter().find(|(after, _)| *after == column);
            fields.push((column, field));
            fields.extend(after.iter().flat_map(|(_, axes)| *axes).map(axis_field));
        }
        let placed = |axis: &Axis| self.0.iter().any(|(_, axes)| axes.contains(axis));
        let others = Axis::ALL.into_iter().filter(|axis| !placed(axis));
        fields.extend(others.map(|axis| axis_field(&axis)));
        fields
    }
}
