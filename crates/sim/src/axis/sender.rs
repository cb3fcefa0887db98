//! Settings of the sender.

use std::time::Duration;

use backroom_gbn::{Recovery, Timeout};

use super::Axis;
use super::definition::{Definition, parsed};
use crate::measurement::ms;

/// The windows that are allowed.
const WINDOWS: &str = "`auto` or a whole number of segments from 1 to 65535";

impl Axis {
    /// What makes the sender go back.
    pub const RECOVERY: Self = Self(&Definition {
        key: "recovery",
        description: "what makes the sender go back: fast (an ACK that reports a gap, or the timer) or timeout (the timer alone)",
        example: "timeout",
        default: Some("fast"),
        words: &["timeout", "fast"],
        set: |cell, text| {
            parsed(text, "one of timeout, fast").map(|recovery| cell.recovery = recovery)
        },
        setting: |cell| cell.recovery.to_string(),
        phrase: |cell| match cell.recovery {
            Recovery::Fast => "fast recovery".to_owned(),
            Recovery::Timeout => "recovery by timeout".to_owned(),
        },
        ..Definition::PLAIN
    });

    /// The retransmission timer.
    pub const TIMEOUT: Self = Self(&Definition {
        key: "timeout",
        description: "the retransmission timer: adaptive, or a fixed time like 200ms",
        example: "200ms",
        label: "timer",
        unit: "ms",
        default: Some("adaptive"),
        column: "timeout_ms",
        set_unit: "ms",
        words: &["adaptive"],
        set: |cell, text| timeout(text).map(|timeout| cell.timeout = timeout),
        setting: |cell| cell.timeout.to_string(),
        value: Some(|cell| match cell.timeout {
            Timeout::Fixed(time) => ms(time).to_string(),
            Timeout::Adaptive { .. } => "adaptive".to_owned(),
        }),
        phrase: |cell| match cell.timeout {
            Timeout::Fixed(time) => format!("timer of {} ms", ms(time)),
            Timeout::Adaptive { .. } => "adaptive timer".to_owned(),
        },
        ..Definition::PLAIN
    });

    /// How many times each segment is sent.
    pub const COPIES: Self = Self(&Definition {
        key: "copies",
        description: "how often each segment is sent, from 1 to 4",
        example: "2",
        default: Some("1"),
        set: |cell, text| {
            parsed(text, "a whole number from 1 to 4").map(|copies| cell.copies = copies)
        },
        setting: |cell| cell.copies.to_string(),
        phrase: |cell| match cell.copies.count() {
            1 => "1 copy".to_owned(),
            count => format!("{count} copies"),
        },
        ..Definition::PLAIN
    });

    /// The window: N of Go-Back-N, in segments.
    pub const WINDOW: Self = Self(&Definition {
        key: "window",
        description: "N of Go-Back-N in segments, or auto",
        example: "20",
        unit: "segments",
        default: Some("10"),
        set: |cell, text| parsed(text, WINDOWS).map(|window| cell.window = window),
        setting: |cell| cell.window.to_string(),
        phrase: |cell| format!("window {}", cell.window),
        ..Definition::PLAIN
    });
}

fn timeout(text: &str) -> Result<Timeout, String> {
    const ALLOWED: &str = "adaptive, or a time from 1ms to 60s like 200ms";
    let timeout = parsed(text, ALLOWED)?;
    match timeout {
        Timeout::Fixed(time)
            if !(Duration::from_millis(1)..=Duration::from_secs(60)).contains(&time) =>
        {
            Err(ALLOWED.to_owned())
        }
        Timeout::Fixed(_) | Timeout::Adaptive { .. } => Ok(timeout),
    }
}
