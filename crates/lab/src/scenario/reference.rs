//! Published figures to compare with the measurements.

use std::collections::BTreeMap;

use backroom_sim::{Axis, Cell};
use serde::{Deserialize, Serialize};

use super::value::Value;

/// A published figure: a `[[reference]]` in a scenario file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// What was measured, in a few words.
    pub label: String,
    /// The completion time, in seconds.
    pub seconds: f64,
    /// Where it was published.
    pub source: String,
    /// The values of the cells to compare with, written as in the columns of `runs.csv`.
    #[serde(default)]
    cell: BTreeMap<Axis, Value>,
}

impl Reference {
    /// Whether the figure was published for the conditions of `cell`.
    pub fn is_of(&self, cell: &Cell) -> bool {
        self.cell
            .iter()
            .all(|(axis, value)| axis.value(cell) == value.text())
    }
}
