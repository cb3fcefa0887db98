//! How many packets are lost, where, and in what pattern.

use backroom_vocabulary::format_number;
use strum::VariantNames;

use super::Axis;
use super::definition::{Definition, name};
use crate::loss::Burst;
use crate::values::LossSide;

impl Axis {
    /// Where packets are lost.
    pub const LOSS_SIDE: Self = Self(&Definition {
        key: "loss_side",
        description: "where packets are lost: sender (shared by all receivers) or receivers (independently)",
        label: "side of the loss",
        default: Some("sender"),
        column: "loss_side",
        words: LossSide::VARIANTS,
        set: |cell, text| {
            cell.loss_side = name(text)?;
            Ok(())
        },
        setting: |cell| cell.loss_side.to_string(),
        value: |cell| cell.loss_side.to_string(),
        phrase: |cell| match cell.loss_side {
            LossSide::Sender => "loss at the sender".to_owned(),
            LossSide::Receivers => "loss at the receivers".to_owned(),
        },
        is_mentioned: |cell| cell.loss_side == LossSide::Receivers,
        ..Definition::PLAIN
    });

    /// Whether packets are lost one by one or in bursts.
    pub const BURST: Self = Self(&Definition {
        key: "burst",
        description: "random for independent losses, or the mean length of a burst in packets",
        label: "burst",
        unit: "packets",
        default: Some("random"),
        column: "burst",
        words: &["random"],
        set: |cell, text| {
            let burst = text.parse()?;
            cell.set_loss(cell.loss, burst);
            Ok(())
        },
        setting: |cell| cell.burst.to_string(),
        value: |cell| cell.burst.to_string(),
        phrase: |cell| match cell.burst {
            Burst::Random => "random loss".to_owned(),
            Burst::Mean(packets) => format!("bursts of {packets}"),
        },
        is_mentioned: |cell| cell.burst != Burst::Random,
        ..Definition::PLAIN
    });

    /// The fraction of packets lost.
    pub const LOSS: Self = Self(&Definition {
        key: "loss",
        description: "fraction of packets lost, like 0.01",
        label: "loss",
        unit: "%",
        scale: 100.0,
        default: Some("0"),
        column: "loss",
        column_is_float: true,
        set: |cell, text| {
            let loss = text.parse()?;
            cell.set_loss(loss, cell.burst);
            Ok(())
        },
        setting: |cell| cell.loss.to_string(),
        value: |cell| cell.loss.to_string(),
        phrase: |cell| match cell.loss.fraction() {
            0.0 => "no loss".to_owned(),
            fraction => format!("{} % loss", format_number(fraction * 100.0)),
        },
        ..Definition::PLAIN
    });
}
