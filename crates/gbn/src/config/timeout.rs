//! The retransmission timeout.

use std::{fmt, str::FromStr, time::Duration};

use super::error::ConfigError;

/// The retransmission timeout before the first round trip has been measured: RFC 6298 section 2.1.
///
/// A second is thousands of round trips on a LAN. It is not too long where several streams each put a whole window into
/// the queue of one slow link: a timer that fires before the first ACK can arrive sends all of that a second time. Only a
/// transfer that loses all of its first segments, or their ACKs, waits this long.
pub const INITIAL_RTO: Duration = Duration::from_secs(1);

/// The timeout at which back-off stops doubling. A longer timeout that comes from measured round trips is not reduced.
///
/// Without progress only one segment is sent per timeout, so frequent retries cost little. A sender that gives up after
/// 30 seconds has tried about 50 times by then. Stop-and-wait over a path that loses half of the packets in each direction
/// fails 50 times in a row with a probability of less than one in a million (0.75^50).
pub const MAX_BACK_OFF: Duration = Duration::from_millis(700);

/// How many times in a row a fixed timeout runs without doubling. On a path that is worth using, more are rare.
pub const CONSTANT_RETRIES: u32 = 5;

/// The shortest retransmission timeout: the resolution of the timers that drive the state machines.
pub const MIN_RTO: Duration = Duration::from_millis(1);

/// The default floor of [`Timeout::Adaptive`]: a scheduler may delay an ACK by this much without any loss.
pub const DEFAULT_FLOOR: Duration = Duration::from_millis(10);

/// The longest fixed timeout that [`Timeout`] parses.
pub const MAX_FIXED_TIMEOUT: Duration = Duration::from_secs(60);

/// The rule that sets the retransmission timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// A constant timeout. It backs off only after [`CONSTANT_RETRIES`] in a row, because then the path is probably broken.
    /// Values below [`MIN_RTO`] count as [`MIN_RTO`].
    Fixed(Duration),
    /// RFC 6298: `srtt + max(floor, 4 rttvar)`, doubled at each timeout until the next round-trip measurement.
    ///
    /// The floor is a margin on top of the round trip, as in Linux, and not a minimum of the sum as in the RFC: on a path
    /// of 40 ms that never varies, a timer of exactly 40 ms would race with every ACK.
    Adaptive {
        /// The smallest margin over the smoothed round trip. Values below [`MIN_RTO`] count as [`MIN_RTO`].
        floor: Duration,
    },
}

impl Timeout {
    /// [`Timeout::Adaptive`] with the [`DEFAULT_FLOOR`].
    pub const ADAPTIVE: Self = Self::Adaptive {
        floor: DEFAULT_FLOOR,
    };
}

impl Default for Timeout {
    fn default() -> Self {
        Self::ADAPTIVE
    }
}

impl FromStr for Timeout {
    type Err = ConfigError;

    /// Parses `adaptive`, or a time from 1 ms to 60 s such as `200ms` or `1.5s`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if text == "adaptive" {
            return Ok(Self::ADAPTIVE);
        }
        humantime::parse_duration(text)
            .ok()
            .filter(|time| (MIN_RTO..=MAX_FIXED_TIMEOUT).contains(time))
            .map(Self::Fixed)
            .ok_or_else(|| ConfigError::Timeout(text.to_owned()))
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(time) => f.pad(&format!("{time:?}")),
            Self::Adaptive { .. } => f.pad("adaptive"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_round_trip() {
        for (text, timeout) in [
            ("adaptive", Timeout::ADAPTIVE),
            ("200ms", Timeout::Fixed(Duration::from_millis(200))),
            ("1.5s", Timeout::Fixed(Duration::from_millis(1500))),
            ("60s", Timeout::Fixed(MAX_FIXED_TIMEOUT)),
        ] {
            assert_eq!(text.parse(), Ok(timeout));
            assert_eq!(timeout.to_string(), text);
        }
        for text in [
            "", "0ms", "0.5ms", "61s", "-5ms", "200", "NaNs", "infs", "fixed",
        ] {
            let error = text.parse::<Timeout>().unwrap_err().to_string();
            assert!(error.contains("1ms to 60s"), "{error}");
        }
    }
}
