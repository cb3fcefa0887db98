//! Labels of charts and tables.

use backroom_sim::{Axis, Cell};

use crate::scenario::{ChartSpec, Quantity};

/// The name of a quantity, as it begins a title.
pub(crate) fn quantity_name(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Goodput => "Goodput",
        Quantity::Seconds => "Completion time",
        Quantity::Transmissions => "Transmissions",
        Quantity::Retransmissions => "Retransmissions",
        Quantity::SegmentDelay => "Delay of segments",
    }
}

/// The label of a quantity's axis, with its unit.
pub(crate) fn quantity_label(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Goodput => "goodput (Mbit/s)",
        Quantity::Seconds => "completion time (s)",
        Quantity::Transmissions => "transmissions per segment",
        Quantity::Retransmissions => "retransmissions per segment",
        Quantity::SegmentDelay => "first transmission to ACK (ms)",
    }
}

/// The values of `axes` as one phrase: `1 % loss, window 20`.
pub(crate) fn phrases(axes: &[Axis], cell: &Cell) -> String {
    let phrases: Vec<_> = axes.iter().map(|axis| axis.phrase(cell)).collect();
    phrases.join(", ")
}

/// Title of the panel of `spec` that contains `cell`. Empty if the chart has a single panel.
pub(crate) fn panel_title(spec: &ChartSpec, cell: &Cell) -> String {
    let phrase = |axis: &Axis| match *axis {
        axis if axis == Axis::CAST && !spec.shows(Axis::RECEIVERS) => {
            format!("{} to {}", cell.cast, Axis::RECEIVERS.phrase(cell))
        }
        axis => axis.phrase(cell),
    };
    let phrases: Vec<_> = spec.panels.iter().map(phrase).collect();
    phrases.join(", ")
}
