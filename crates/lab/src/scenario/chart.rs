//! Which pictures a scenario wants drawn.

use serde::{Deserialize, Serialize};

use super::axis::Axis;

/// One chart: a quantity against an axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChartSpec {
    /// What goes up.
    pub show: Quantity,
    /// What goes to the right.
    pub against: Axis,
    /// A line for each combination of their values.
    #[serde(default)]
    pub lines: Vec<Axis>,
    /// A panel for each of its values.
    #[serde(default)]
    pub panels: Option<Axis>,
}

impl ChartSpec {
    /// Whether the chart tells the values of `axis` apart.
    pub fn shows(&self, axis: Axis) -> bool {
        axis == self.against || self.lines.contains(&axis) || self.panels == Some(axis)
    }
}

/// What a run is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Bits of the file a second.
    Goodput,
    /// The time until the last receiver has the file.
    Seconds,
    /// Segments sent for each segment of the file.
    Transmissions,
}
