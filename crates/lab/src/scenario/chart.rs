//! The charts that a scenario asks for.

use backroom_sim::Axis;
use serde::{Deserialize, Deserializer, Serialize};
use strum::Display;

/// One chart: a quantity against an axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChartSpec {
    /// The quantity to show.
    pub show: Quantity,
    /// The kind of chart.
    #[serde(default)]
    pub kind: ChartKind,
    /// The axis along x.
    pub against: Axis,
    /// A line, a row of boxes or a row of a heat map for each combination of the values of these axes.
    #[serde(default)]
    pub lines: Vec<Axis>,
    /// A panel for each combination of the values of these axes. A file may name a single axis without brackets.
    #[serde(default, deserialize_with = "one_or_many")]
    pub panels: Vec<Axis>,
}

impl ChartSpec {
    /// Whether the chart distinguishes the values of `axis`.
    pub fn shows(&self, axis: Axis) -> bool {
        axis == self.against || self.lines.contains(&axis) || self.panels.contains(&axis)
    }
}

/// How a chart is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChartKind {
    /// Connected medians with their intervals, and the expectation of the model.
    #[default]
    Lines,
    /// The distribution of the runs of each cell.
    Boxes,
    /// A coloured field with the median of each cell.
    Heatmap,
}

/// A measured quantity. Files of charts are named after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "kebab-case")]
pub enum Quantity {
    /// Bits of the file per second.
    Goodput,
    /// The time until the last receiver has the file.
    Seconds,
    /// Segments sent per segment of the file.
    Transmissions,
    /// Segments sent per segment of the file, without its first transmission.
    Retransmissions,
    /// Time from a segment's first transmission to the ACK that covers it.
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
