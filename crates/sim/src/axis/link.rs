//! The link of each member.

use backroom_link::Rate;
use backroom_vocabulary::format_number;

use super::definition::{Definition, whole};
use super::{Axis, UNLIMITED};
use crate::values::{Optional, Time};

/// The longest queue of a link, in packets.
const MAX_QUEUE: usize = 1_000_000;

impl Axis {
    /// The link's rate.
    pub const RATE: Self = Self(&Definition {
        key: "rate",
        description: "rate of each link, like 10mbit, or unlimited",
        label: "link rate",
        unit: "Mbit/s",
        default: Some("10mbit"),
        column: "rate_mbps",
        column_is_float: true,
        set_unit: "mbit",
        set: |cell, text| {
            cell.link.rate = Optional::parse(text, rate)?.0;
            Ok(())
        },
        setting: |cell| Optional(cell.link.rate).to_string(),
        value: |cell| Optional(cell.link.rate.map(Rate::mbps)).to_string(),
        phrase: |cell| match cell.link.rate {
            Some(rate) => format!("{} Mbit/s", rate.mbps()),
            None => format!("{UNLIMITED} rate"),
        },
        ..Definition::PLAIN
    });

    /// The link's one-way delay.
    pub const DELAY: Self = Self(&Definition {
        key: "delay",
        description: "one-way delay of each link, like 10ms",
        label: "one-way delay",
        unit: "ms",
        default: Some("10ms"),
        column: "delay_ms",
        column_is_float: true,
        set_unit: "ms",
        set: |cell, text| {
            cell.link.delay = text.parse::<Time>()?.0;
            Ok(())
        },
        setting: |cell| Time(cell.link.delay).to_string(),
        value: |cell| Time(cell.link.delay).ms().to_string(),
        phrase: |cell| format!("{} ms one way", Time(cell.link.delay).ms()),
        ..Definition::PLAIN
    });

    /// The spread of the delay.
    pub const JITTER: Self = Self(&Definition {
        key: "jitter",
        description: "spread of the delay on each side, like 2ms",
        label: "jitter",
        unit: "ms",
        default: Some("0ms"),
        column: "jitter_ms",
        column_is_float: true,
        set_unit: "ms",
        set: |cell, text| {
            cell.link.jitter = text.parse::<Time>()?.0;
            Ok(())
        },
        setting: |cell| Time(cell.link.jitter).to_string(),
        value: |cell| Time(cell.link.jitter).ms().to_string(),
        phrase: |cell| format!("{} ms jitter", Time(cell.link.jitter).ms()),
        is_mentioned: |cell| !cell.link.jitter.is_zero(),
        ..Definition::PLAIN
    });

    /// Packets that the link's queue holds.
    pub const QUEUE: Self = Self(&Definition {
        key: "queue",
        description: "packets that each link's queue holds, or unlimited",
        label: "queue",
        unit: "packets",
        default: Some(UNLIMITED),
        column: "queue",
        set: |cell, text| {
            cell.link.queue = Optional::parse(text, |text| whole(text, 1, MAX_QUEUE))?.0;
            Ok(())
        },
        setting: |cell| Optional(cell.link.queue).to_string(),
        value: |cell| Optional(cell.link.queue).to_string(),
        phrase: |cell| match cell.link.queue {
            Some(packets) => format!("queue of {packets}"),
            None => format!("{UNLIMITED} queue"),
        },
        is_mentioned: |cell| cell.link.queue.is_some(),
        ..Definition::PLAIN
    });

    /// The fraction of packets duplicated.
    pub const DUPLICATE: Self = Self(&Definition {
        key: "duplicate",
        description: "fraction of packets that the network duplicates, like 0.01",
        label: "duplicates",
        unit: "%",
        scale: 100.0,
        default: Some("0"),
        column: "duplicate",
        column_is_float: true,
        set: |cell, text| {
            cell.link.duplicate = fraction(text)?;
            Ok(())
        },
        setting: |cell| cell.link.duplicate.to_string(),
        value: |cell| cell.link.duplicate.to_string(),
        phrase: |cell| {
            format!(
                "{} % duplicates",
                format_number(cell.link.duplicate * 100.0)
            )
        },
        is_mentioned: |cell| cell.link.duplicate > 0.0,
        ..Definition::PLAIN
    });
}

fn rate(text: &str) -> Result<Rate, String> {
    text.parse()
        .map_err(|_| "a rate like 64kbit, 10mbit or 1gbit".to_owned())
}

fn fraction(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|fraction| (0.0..=1.0).contains(fraction))
        .ok_or_else(|| "a fraction from 0 to 1 like 0.01".to_owned())
}
