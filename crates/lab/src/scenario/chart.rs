//! Which pictures a scenario wants drawn.

use backroom_sim::Axis;
use serde::{Deserialize, Deserializer, Serialize};

/// One chart: a quantity against an axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChartSpec {
    /// What is shown.
    pub show: Quantity,
    /// How it is drawn.
    #[serde(default)]
    pub kind: ChartKind,
    /// What goes to the right.
    pub against: Axis,
    /// A line, a row of boxes or a row of a heat map for each combination of their values.
    #[serde(default)]
    pub lines: Vec<Axis>,
    /// A panel for each combination of their values. A file may name a single one without brackets.
    #[serde(default, deserialize_with = "one_or_many")]
    pub panels: Vec<Axis>,
}

impl ChartSpec {
    /// Whether the chart tells the values of `axis` apart.
    pub fn shows(&self, axis: Axis) -> bool {
        axis == self.against || self.lines.contains(&axis) || self.panels.contains(&axis)
    }
}

/// How a chart is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChartKind {
    /// Medians with their intervals, connected, and the model beside them.
    #[default]
    Lines,
    /// How the runs of each cell are distributed.
    Boxes,
    /// A coloured field with a number for each cell.
    Heatmap,
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
    /// Of these, the ones that were not the first.
    Retransmissions,
    /// From a segment's first transmission to its delivery in order.
    SegmentDelay,
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Axis>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(Axis),
        Many(Vec<Axis>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(axis) => vec![axis],
        OneOrMany::Many(axes) => axes,
    })
}
