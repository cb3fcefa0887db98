//! Settings of the sender.

use std::time::Duration;

use backroom_gbn::{Recovery, Timeout, WindowSetting};

use super::Axis;
use super::definition::Definition;
use crate::values::Time;

impl Axis {
    /// What makes the sender go back.
    pub const RECOVERY: Self = Self(&Definition {
        key: "recovery",
        description: "what makes the sender go back: fast (an ACK that reports a gap, or the timer) or timeout (the timer alone)",
        label: "recovery",
        default: Some("fast"),
        column: "recovery",
        words: &["timeout", "fast"],
        set: |cell, text| {
            cell.recovery = text
                .parse()
                .map_err(|_| "one of timeout, fast".to_owned())?;
            Ok(())
        },
        setting: |cell| cell.recovery.to_string(),
        value: |cell| cell.recovery.to_string(),
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
        label: "timer",
        unit: "ms",
        default: Some("adaptive"),
        column: "timeout_ms",
        set_unit: "ms",
        words: &["adaptive"],
        set: |cell, text| {
            cell.timeout = timeout(text)?;
            Ok(())
        },
        setting: |cell| cell.timeout.to_string(),
        value: |cell| match cell.timeout {
            Timeout::Fixed(time) => Time(time).ms().to_string(),
            Timeout::Adaptive { .. } => "adaptive".to_owned(),
        },
        phrase: |cell| match cell.timeout {
            Timeout::Fixed(time) => format!("timer of {} ms", Time(time).ms()),
            Timeout::Adaptive { .. } => "adaptive timer".to_owned(),
        },
        ..Definition::PLAIN
    });

    /// How many times each segment is sent.
    pub const COPIES: Self = Self(&Definition {
        key: "copies",
        description: "how often each segment is sent, from 1 to 4",
        label: "copies",
        default: Some("1"),
        column: "copies",
        set: |cell, text| {
            cell.copies = text
                .parse()
                .map_err(|_| "a whole number from 1 to 4".to_owned())?;
            Ok(())
        },
        setting: |cell| cell.copies.to_string(),
        value: |cell| cell.copies.to_string(),
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
        label: "window",
        unit: "segments",
        default: Some("10"),
        column: "window",
        set: |cell, text| {
            cell.window = window(text)?;
            Ok(())
        },
        setting: |cell| cell.window.to_string(),
        value: |cell| cell.window.to_string(),
        phrase: |cell| format!("window {}", cell.window),
        ..Definition::PLAIN
    });
}

fn window(text: &str) -> Result<WindowSetting, String> {
    text.parse()
        .map_err(|_| "`auto` or a whole number of segments from 1 to 65535".to_owned())
}

fn timeout(text: &str) -> Result<Timeout, String> {
    const ALLOWED: &str = "adaptive, or a time from 1ms to 60s like 200ms";
    let timeout = text.parse().map_err(|_| ALLOWED.to_owned())?;
    match timeout {
        Timeout::Fixed(time)
            if !(Duration::from_millis(1)..=Duration::from_secs(60)).contains(&time) =>
        {
            Err(ALLOWED.to_owned())
        }
        Timeout::Fixed(_) | Timeout::Adaptive { .. } => Ok(timeout),
    }
}
