//! What others measured, to stand beside what is measured here.

use std::collections::BTreeMap;

use backroom_sim::{Axis, Cell};
use serde::{Deserialize, Serialize};

use super::value::Value;

/// A figure that somebody published, a `[[reference]]` of a scenario's file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// What was measured, in a few words.
    pub label: String,
    /// The completion time.
    pub seconds: f64,
    /// Where it stands.
    pub source: String,
    /// The cells it stands beside: those with these values, written as in the columns of `runs.csv`.
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
