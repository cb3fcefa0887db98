//! How many packets are lost, where, and in what pattern.

use backroom_vocabulary::format_number;
use strum::VariantNames;

use super::Axis;
use super::definition::{Definition, fraction, name};
use crate::loss::{Burst, LossSide};

impl Axis {
    /// Where packets are lost.
    pub const LOSS_SIDE: Self = Self(&Definition {
        key: "loss_side",
        description: "where packets are lost: sender (shared by all receivers) or receivers (independently)",
        example: "receivers",
        label: "side of the loss",
        default: Some("sender"),
        words: LossSide::VARIANTS,
        set: |cell, text| name(text).map(|loss_side| cell.loss_side = loss_side),
        setting: |cell| cell.loss_side.to_string(),
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
        example: "4",
        unit: "packets",
        default: Some("random"),
        words: &["random"],
        set: |cell, text| burst(text).map(|burst| cell.set_loss(cell.loss, burst)),
        setting: |cell| match cell.burst {
            Burst::Random => "random".to_owned(),
            Burst::Mean(packets) => packets.to_string(),
        },
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
        example: "0.02",
        unit: "%",
        scale: 100.0,
        default: Some("0"),
        column_is_float: true,
        set: |cell, text| fraction(text, 0.5).map(|loss| cell.set_loss(loss, cell.burst)),
        setting: |cell| cell.loss.to_string(),
        phrase: |cell| match cell.loss {
            0.0 => "no loss".to_owned(),
            fraction => format!("{} % loss", format_number(fraction * 100.0)),
        },
        ..Definition::PLAIN
    });
}

fn burst(text: &str) -> Result<Burst, String> {
    if text == "random" {
        return Ok(Burst::Random);
    }
    text.parse()
        .ok()
        .filter(|length| (1.0..=100.0).contains(length))
        .map(Burst::Mean)
        .ok_or_else(|| "random, or the mean length of a burst from 1 to 100 packets".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_fractions_are_refused() {
        for text in ["", "1", "-0.1", "nan", "inf", "1%"] {
            assert!(fraction(text, 0.5).is_err(), "{text}");
        }
        for text in ["", "0", "nan", "101", "often"] {
            assert!(burst(text).is_err(), "{text}");
        }
    }
}
