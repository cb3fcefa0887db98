//! The link of each member.

use std::fmt::Display;
use std::time::Duration;

use backroom_link::{Rate, format_time, parse_time};
use backroom_vocabulary::format_number;

use super::definition::{Definition, fraction, parsed, whole};
use super::{Axis, UNLIMITED};
use crate::measurement::ms;

/// The longest queue of a link, in packets.
const MAX_QUEUE: usize = 1_000_000;

/// The longest delay of a link.
const MAX_DELAY: Duration = Duration::from_secs(10);

impl Axis {
    /// The link's rate.
    pub const RATE: Self = Self(&Definition {
        key: "rate",
        description: "rate of each link, like 10mbit, or unlimited",
        example: "2.5mbit",
        label: "link rate",
        unit: "Mbit/s",
        default: Some("10mbit"),
        column: "rate_mbps",
        column_is_float: true,
        set_unit: "mbit",
        set: |cell, text| limit(text, rate).map(|rate| cell.link.rate = rate),
        setting: |cell| or_unlimited(cell.link.rate),
        value: Some(|cell| or_unlimited(cell.link.rate.map(Rate::mbps))),
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
        example: "1.5ms",
        label: "one-way delay",
        unit: "ms",
        default: Some("10ms"),
        column: "delay_ms",
        column_is_float: true,
        set_unit: "ms",
        set: |cell, text| delay(text).map(|delay| cell.link.delay = delay),
        setting: |cell| format_time(cell.link.delay),
        value: Some(|cell| ms(cell.link.delay).to_string()),
        phrase: |cell| format!("{} ms one way", ms(cell.link.delay)),
        ..Definition::PLAIN
    });

    /// The spread of the delay.
    pub const JITTER: Self = Self(&Definition {
        key: "jitter",
        description: "spread of the delay on each side, like 2ms",
        example: "250us",
        unit: "ms",
        default: Some("0ms"),
        column: "jitter_ms",
        column_is_float: true,
        set_unit: "ms",
        set: |cell, text| delay(text).map(|jitter| cell.link.jitter = jitter),
        setting: |cell| format_time(cell.link.jitter),
        value: Some(|cell| ms(cell.link.jitter).to_string()),
        phrase: |cell| format!("{} ms jitter", ms(cell.link.jitter)),
        is_mentioned: |cell| !cell.link.jitter.is_zero(),
        ..Definition::PLAIN
    });

    /// Packets that the link's queue holds.
    pub const QUEUE: Self = Self(&Definition {
        key: "queue",
        description: "packets that each link's queue holds, or unlimited",
        example: "70",
        unit: "packets",
        default: Some(UNLIMITED),
        set: |cell, text| limit(text, queue).map(|queue| cell.link.queue = queue),
        setting: |cell| or_unlimited(cell.link.queue),
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
        example: "0.03",
        label: "duplicates",
        unit: "%",
        scale: 100.0,
        default: Some("0"),
        column_is_float: true,
        set: |cell, text| fraction(text, 1.0).map(|duplicate| cell.link.duplicate = duplicate),
        setting: |cell| cell.link.duplicate.to_string(),
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
    parsed(text, "a rate like 64kbit, 10mbit or 1gbit")
}

fn queue(text: &str) -> Result<usize, String> {
    whole(text, 1, MAX_QUEUE)
}

fn delay(text: &str) -> Result<Duration, String> {
    parse_time(text)
        .ok()
        .filter(|time| *time <= MAX_DELAY)
        .ok_or_else(|| "a time from 0 to 10s like 10ms".to_owned())
}

/// Reads `unlimited`, or what `parse` reads.
fn limit<T>(text: &str, parse: fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text == UNLIMITED {
        return Ok(None);
    }
    parse(text)
        .map(Some)
        .map_err(|allowed| format!("{allowed}, or {UNLIMITED}"))
}

fn or_unlimited(limit: Option<impl Display>) -> String {
    limit.map_or_else(|| UNLIMITED.to_owned(), |limit| limit.to_string())
}
