//! How charts and tables say axes, values and units.

use std::fmt;

pub(crate) use backroom_charts::number;

use crate::record::RunRecord;
use crate::scenario::{Axis, ChartSpec, FileSize, Quantity};

/// The label of an axis, with its unit.
pub(crate) fn axis_label(axis: Axis) -> &'static str {
    match axis {
        Axis::Cast => "cast",
        Axis::Delivery => "delivery",
        Axis::Receivers => "receivers",
        Axis::Rate => "link rate (Mbit/s)",
        Axis::Delay => "one-way delay (ms)",
        Axis::Jitter => "jitter (ms)",
        Axis::Queue => "queue (packets)",
        Axis::LossSide => "side of the loss",
        Axis::Burst => "burst (packets)",
        Axis::Loss => "loss (%)",
        Axis::Recovery => "recovery",
        Axis::Timeout => "timer (ms)",
        Axis::Copies => "copies",
        Axis::File => "file (bytes)",
        Axis::Segment => "segment (bytes)",
        Axis::Window => "window (segments)",
    }
}

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

/// The value of `axis` in a phrase of its own: `1 % loss`, `window 20`.
pub(crate) fn phrase(axis: Axis, record: &RunRecord) -> String {
    let plain = record.axis_text(axis);
    match axis {
        Axis::Delivery if plain == "ip-multicast" => "IP multicast".to_owned(),
        Axis::Cast | Axis::Delivery => plain,
        Axis::Receivers if plain == "1" => "1 receiver".to_owned(),
        Axis::Receivers => format!("{plain} receivers"),
        Axis::Rate if plain == "unlimited" => "unlimited rate".to_owned(),
        Axis::Rate => format!("{plain} Mbit/s"),
        Axis::Delay => format!("{plain} ms one way"),
        Axis::Jitter => format!("{plain} ms jitter"),
        Axis::Queue if plain == "unlimited" => "unlimited queue".to_owned(),
        Axis::Queue => format!("queue of {plain}"),
        Axis::LossSide if plain == "sender" => "loss at the sender".to_owned(),
        Axis::LossSide => "loss at the receivers".to_owned(),
        Axis::Burst if plain == "random" => "random loss".to_owned(),
        Axis::Burst => format!("bursts of {plain}"),
        Axis::Loss if record.loss == 0.0 => "no loss".to_owned(),
        Axis::Loss => format!("{} % loss", number(record.loss * 100.0)),
        Axis::Recovery if plain == "fast" => "fast recovery".to_owned(),
        Axis::Recovery => "recovery by timeout".to_owned(),
        Axis::Timeout if plain == "adaptive" => "adaptive timer".to_owned(),
        Axis::Timeout => format!("timer of {plain} ms"),
        Axis::Copies => copies(&plain),
        Axis::File => format!(
            "file of {}",
            spaced(FileSize::from_bytes(record.file_bytes))
        ),
        Axis::Segment => format!("segments of {plain} bytes"),
        Axis::Window => format!("window {plain}"),
    }
}

/// `1 copy`, `2 copies`.
pub(crate) fn copies(count: impl fmt::Display) -> String {
    match count.to_string().as_str() {
        "1" => "1 copy".to_owned(),
        more => format!("{more} copies"),
    }
}

/// A size with a space before its unit.
fn spaced(size: FileSize) -> String {
    let text = size.to_string();
    match text.find(|letter: char| !letter.is_ascii_digit()) {
        Some(unit) => format!("{} {}", &text[..unit], &text[unit..]),
        None => format!("{text} bytes"),
    }
}

/// The values of `axes` as one phrase.
pub(crate) fn phrases(axes: &[Axis], record: &RunRecord) -> String {
    let phrases: Vec<_> = axes.iter().map(|axis| phrase(*axis, record)).collect();
    phrases.join(", ")
}

/// What the panel of `spec` that `record` is in shows. Empty where all is in one.
pub(crate) fn panel_title(spec: &ChartSpec, record: &RunRecord) -> String {
    let alone = |axis: &Axis| match axis {
        Axis::Cast if !spec.shows(Axis::Receivers) => {
            format!("{} to {}", record.cast, phrase(Axis::Receivers, record))
        }
        axis => phrase(*axis, record),
    };
    let phrases: Vec<_> = spec.panels.iter().map(alone).collect();
    phrases.join(", ")
}
