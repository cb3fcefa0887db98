//! The axes of a scenario: for each key the values to try. A TOML file and `--set` both end here, as text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use backroom_gbn::{Copies, Recovery, Timeout, WindowSetting};
use backroom_link::Rate;

use super::axis::Axis;
use super::loss::{Burst, LossRate};
use super::values::{Cast, Delivery, FileSize, LossSide, Optional, Time};
use crate::suggest;
use crate::wire;

/// The values of each axis. An axis with one value is held fixed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axes {
    /// Who receives.
    pub cast: Vec<Cast>,
    /// How several receivers are reached.
    pub delivery: Vec<Delivery>,
    /// How many receive. Empty: a room of four, so multicast reaches two and broadcast three. Unicast is always one.
    pub receivers: Vec<u16>,
    /// Segments that may be outstanding.
    pub window: Vec<WindowSetting>,
    /// What makes the sender go back.
    pub recovery: Vec<Recovery>,
    /// The retransmission timer.
    pub timeout: Vec<Timeout>,
    /// How often each segment is put on the wire.
    pub copies: Vec<Copies>,
    /// The link's rate.
    pub rate: Vec<Optional<Rate>>,
    /// The link's one-way delay.
    pub delay: Vec<Time>,
    /// Its spread on each side.
    pub jitter: Vec<Time>,
    /// Packets the link's queue holds.
    pub queue: Vec<Optional<usize>>,
    /// The fraction of packets lost.
    pub loss: Vec<LossRate>,
    /// Whether they are lost one by one or in bursts.
    pub burst: Vec<Burst>,
    /// Where they are lost.
    pub loss_side: Vec<LossSide>,
    /// Size of the file.
    pub file: Vec<FileSize>,
    /// File bytes in a segment.
    pub segment: Vec<u16>,
}

/// A key or a value that no scenario can have. The message says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AxisError {
    /// There is no such axis.
    #[error("there is no key `{key}`{}; the keys are {}", nearest(key), keys())]
    UnknownKey {
        /// As it was written.
        key: String,
    },
    /// The axis can't have this value.
    #[error("{axis} can't be `{value}`: {allowed}")]
    Value {
        /// The axis.
        axis: Axis,
        /// As it was written.
        value: String,
        /// What it may be.
        allowed: String,
    },
    /// A list without a value in it.
    #[error("{axis} needs at least one value")]
    Empty {
        /// The axis.
        axis: Axis,
    },
    /// The same value twice would be measured twice and counted as one cell.
    #[error("{axis} has `{value}` twice")]
    Twice {
        /// The axis.
        axis: Axis,
        /// The repeated value.
        value: String,
    },
}

impl Axes {
    /// One file of 512 KiB to one member over a clean link of 10 Mbit/s and 10 ms: what a scenario does not say.
    const DEFAULTS: [(&str, &str); 15] = [
        ("window", "10"),
        ("loss", "0"),
        ("burst", "random"),
        ("cast", "unicast"),
        ("delivery", "parallel"),
        ("recovery", "fast"),
        ("timeout", "adaptive"),
        ("copies", "1"),
        ("rate", "10mbit"),
        ("delay", "10ms"),
        ("jitter", "0ms"),
        ("queue", "unlimited"),
        ("loss_side", "sender"),
        ("file", "512KiB"),
        ("segment", "1200"),
    ];

    /// The fewest file bytes a segment may carry.
    pub const MIN_SEGMENT_BYTES: u16 = 16;

    /// The most file bytes a segment may carry: with its headers it has to fit into an Ethernet frame of 1,500 bytes.
    pub const MAX_SEGMENT_BYTES: u16 = 1_500 - wire::DATA_OVERHEAD_BYTES;

    /// The most receivers of one transfer.
    pub const MAX_RECEIVERS: u16 = 64;

    /// The longest queue of a link.
    const MAX_QUEUE: usize = 1_000_000;

    /// What a scenario does not say.
    ///
    /// # Errors
    /// None in practice: the defaults are read like anything else that is written.
    pub fn with_defaults() -> Result<Self, AxisError> {
        let mut axes = Self::default();
        for (key, value) in Self::DEFAULTS {
            axes.set(key.parse()?, &[value.to_owned()])?;
        }
        Ok(axes)
    }

    /// Replaces the values of `axis`.
    ///
    /// # Errors
    /// [`AxisError`] when a value is not allowed; nothing is changed then.
    pub fn set(&mut self, axis: Axis, values: &[String]) -> Result<(), AxisError> {
        let receivers = |text: &str| whole(text, 1, Self::MAX_RECEIVERS);
        let queue = |text: &str| Optional::parse(text, |text| whole(text, 1, Self::MAX_QUEUE));
        let segment = |text: &str| whole(text, Self::MIN_SEGMENT_BYTES, Self::MAX_SEGMENT_BYTES);
        match axis {
            Axis::Cast => self.cast = parsed(axis, values, str::parse)?,
            Axis::Delivery => self.delivery = parsed(axis, values, str::parse)?,
            Axis::Receivers => self.receivers = parsed(axis, values, receivers)?,
            Axis::Rate => self.rate = parsed(axis, values, |text| Optional::parse(text, rate))?,
            Axis::Delay => self.delay = parsed(axis, values, str::parse)?,
            Axis::Jitter => self.jitter = parsed(axis, values, str::parse)?,
            Axis::Queue => self.queue = parsed(axis, values, queue)?,
            Axis::LossSide => self.loss_side = parsed(axis, values, str::parse)?,
            Axis::Burst => self.burst = parsed(axis, values, str::parse)?,
            Axis::Loss => self.loss = parsed(axis, values, str::parse)?,
            Axis::Recovery => self.recovery = parsed(axis, values, recovery)?,
            Axis::Timeout => self.timeout = parsed(axis, values, timeout)?,
            Axis::Copies => self.copies = parsed(axis, values, copies)?,
            Axis::File => self.file = parsed(axis, values, str::parse)?,
            Axis::Segment => self.segment = parsed(axis, values, segment)?,
            Axis::Window => self.window = parsed(axis, values, window)?,
        }
        Ok(())
    }

    /// The values of `axis` as they are written.
    pub fn text(&self, axis: Axis) -> Vec<String> {
        fn text<T: fmt::Display>(values: &[T]) -> Vec<String> {
            values.iter().map(ToString::to_string).collect()
        }
        match axis {
            Axis::Cast => text(&self.cast),
            Axis::Delivery => text(&self.delivery),
            Axis::Receivers => text(&self.receivers),
            Axis::Rate => text(&self.rate),
            Axis::Delay => text(&self.delay),
            Axis::Jitter => text(&self.jitter),
            Axis::Queue => text(&self.queue),
            Axis::LossSide => text(&self.loss_side),
            Axis::Burst => text(&self.burst),
            Axis::Loss => text(&self.loss),
            Axis::Recovery => text(&self.recovery),
            Axis::Timeout => text(&self.timeout),
            Axis::Copies => text(&self.copies),
            Axis::File => text(&self.file),
            Axis::Segment => text(&self.segment),
            Axis::Window => text(&self.window),
        }
    }
}

/// The values of `axis`, each read by `parse`, which says on failure what is allowed.
fn parsed<T>(
    axis: Axis,
    values: &[String],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, AxisError>
where
    T: fmt::Display,
{
    let mut seen: Vec<String> = Vec::new();
    let mut parsed = Vec::new();
    for value in values {
        let one = parse(value.trim()).map_err(|allowed| AxisError::Value {
            axis,
            value: value.clone(),
            allowed,
        })?;
        let text = one.to_string();
        if seen.contains(&text) {
            return Err(AxisError::Twice { axis, value: text });
        }
        seen.push(text);
        parsed.push(one);
    }
    if parsed.is_empty() {
        return Err(AxisError::Empty { axis });
    }
    Ok(parsed)
}

fn whole<T: FromStr + PartialOrd + fmt::Display>(
    text: &str,
    least: T,
    most: T,
) -> Result<T, String> {
    text.parse()
        .ok()
        .filter(|number| (&least..=&most).contains(&number))
        .ok_or_else(|| format!("a whole number from {least} to {most}"))
}

fn window(text: &str) -> Result<WindowSetting, String> {
    text.parse()
        .map_err(|_| "`auto` or a whole number of segments from 1 to 65535".to_owned())
}

fn recovery(text: &str) -> Result<Recovery, String> {
    text.parse().map_err(|_| "one of timeout, fast".to_owned())
}

fn copies(text: &str) -> Result<Copies, String> {
    text.parse()
        .map_err(|_| "a whole number from 1 to 4".to_owned())
}

fn timeout(text: &str) -> Result<Timeout, String> {
    let allowed = || "adaptive, or a time from 1ms to 60s like 200ms".to_owned();
    let timeout: Timeout = text.parse().map_err(|_| allowed())?;
    match timeout {
        Timeout::Fixed(time)
            if !(Duration::from_millis(1)..=Duration::from_secs(60)).contains(&time) =>
        {
            Err(allowed())
        }
        Timeout::Fixed(_) | Timeout::Adaptive { .. } => Ok(timeout),
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    text.parse()
        .map_err(|_| "a rate like 64kbit, 10mbit or 1gbit".to_owned())
}

fn keys() -> String {
    Axis::ALL.map(Axis::key).join(", ")
}

fn nearest(key: &str) -> String {
    suggest::nearest(key, Axis::ALL.map(Axis::key))
        .map_or_else(String::new, |near| format!(", did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, values: &[&str]) -> Result<Axes, AxisError> {
        let mut axes = Axes::with_defaults()?;
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        axes.set(key.parse()?, &values)?;
        Ok(axes)
    }

    #[test]
    fn every_axis_can_be_set_to_what_it_is_written_as() {
        let mut axes = Axes::with_defaults().unwrap();
        axes.set(Axis::Receivers, &["3".to_owned()]).unwrap();
        let before = axes.clone();
        for axis in Axis::ALL {
            axes.set(axis, &before.text(axis)).unwrap();
        }
        assert_eq!(axes, before);
    }

    #[test]
    fn an_unknown_key_suggests_the_nearest() {
        let error = set("windows", &["10"]).unwrap_err().to_string();
        assert!(error.contains("did you mean `window`?"), "{error}");
        assert!(error.contains("cast, delivery"), "{error}");
    }

    #[test]
    fn a_value_out_of_range_says_what_is_allowed() {
        let wrong = [
            ("window", "0", "from 1 to 65535"),
            ("window", "65536", "from 1 to 65535"),
            ("loss", "1.5", "a fraction from 0 to 0.5"),
            ("cast", "anycast", "one of unicast, multicast"),
            ("receivers", "0", "from 1 to 64"),
            (
                "delivery",
                "pigeon",
                "one of sequential, parallel, ip-multicast",
            ),
            ("recovery", "slow", "one of timeout, fast"),
            ("timeout", "0ms", "from 1ms to 60s"),
            ("timeout", "2m", "from 1ms to 60s"),
            ("copies", "0", "from 1 to 4"),
            ("copies", "5", "from 1 to 4"),
            ("rate", "10", "like 64kbit"),
            ("delay", "-1ms", "like 10ms"),
            ("jitter", "x", "like 10ms"),
            ("queue", "0", "from 1 to 1000000"),
            ("burst", "0", "mean length"),
            ("loss_side", "left", "one of sender, receivers"),
            ("file", "5GiB", "at most 1GiB"),
            ("segment", "1436", "from 16 to 1435"),
        ];
        for (key, value, allowed) in wrong {
            let error = set(key, &[value]).unwrap_err().to_string();
            assert!(error.contains(allowed), "{key}={value}: {error}");
        }
    }

    #[test]
    fn an_empty_list_and_a_repeated_value_are_refused() {
        assert_eq!(
            set("window", &[]).unwrap_err(),
            AxisError::Empty { axis: Axis::Window }
        );
        let error = set("loss", &["0.01", "0.010"]).unwrap_err().to_string();
        assert_eq!(error, "loss has `0.01` twice");
    }
}
