//! What can be set: the window, the recovery rule, the retransmission timer and the copies.

mod copies;

use std::{fmt, num::NonZeroU16, str::FromStr, time::Duration};

pub use self::copies::Copies;

/// The retransmission timeout before the first round trip has been measured: RFC 6298 section 2.1.
///
/// On a LAN a second is thousands of round trips, but not where several streams put a whole window each into one slow
/// link's queue at once: a timer that fires before the first ACK can have come sends all of that a second time.
/// Only a transfer whose first segments are all lost, or their ACKs, waits for it.
pub const INITIAL_RTO: Duration = Duration::from_secs(1);

/// Back-off stops doubling here. A measured timeout that is longer is not cut.
pub const MAX_BACK_OFF: Duration = Duration::from_secs(2);

/// The least retransmission timeout: the tick of the timers that run the state machines.
pub const MIN_RTO: Duration = Duration::from_millis(1);

/// The default floor of [`Timeout::Adaptive`]: what a scheduler may delay an ACK by without a segment being lost.
pub const DEFAULT_FLOOR: Duration = Duration::from_millis(10);

/// The longest fixed timeout that can be asked for.
pub const MAX_FIXED_TIMEOUT: Duration = Duration::from_secs(60);

/// A value that a setting can't have, with what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not a window.
    #[error("{0:?} is not a window: it must be a whole number of segments from 1 to 65535")]
    Window(String),
    /// Neither a window nor the word for the one that finds itself.
    #[error(
        "{0:?} is not a window: it must be `auto` or a whole number of segments from 1 to 65535"
    )]
    WindowSetting(String),
    /// Not a recovery rule.
    #[error("{0:?} is not a recovery: it must be `timeout` or `fast`")]
    Recovery(String),
    /// Not a timer.
    #[error(
        "{0:?} is not a timeout: it must be `adaptive` or a time from 1ms to 60s, such as `200ms`"
    )]
    Timeout(String),
    /// Not a number of copies.
    #[error("{0:?} is not a number of copies: it must be a whole number from 1 to 4")]
    Copies(String),
}

/// How many segments may be outstanding: 1 to 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(NonZeroU16);

impl Window {
    /// One segment: stop-and-wait.
    pub const MIN: Self = Self(NonZeroU16::MIN);
    /// 65,535 segments.
    pub const MAX: Self = Self(NonZeroU16::MAX);
    /// 64 segments.
    pub const DEFAULT: Self = Self(NonZeroU16::MIN.saturating_add(63));

    /// The number of segments.
    pub const fn segments(self) -> u16 {
        self.0.get()
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TryFrom<u32> for Window {
    type Error = ConfigError;

    fn try_from(segments: u32) -> Result<Self, ConfigError> {
        u16::try_from(segments)
            .ok()
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or_else(|| ConfigError::Window(segments.to_string()))
    }
}

impl TryFrom<u16> for Window {
    type Error = ConfigError;

    fn try_from(segments: u16) -> Result<Self, ConfigError> {
        Self::try_from(u32::from(segments))
    }
}

impl FromStr for Window {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        text.parse()
            .map(Self)
            .map_err(|_| ConfigError::Window(text.to_owned()))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who says how large the window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowSetting {
    /// Always this.
    Fixed(Window),
    /// The sender, by what it measures of the path: the segments that fill the round trip, and a few more.
    Auto,
}

impl WindowSetting {
    /// The window, where it is fixed.
    pub const fn fixed(self) -> Option<Window> {
        match self {
            Self::Fixed(window) => Some(window),
            Self::Auto => None,
        }
    }
}

impl Default for WindowSetting {
    fn default() -> Self {
        Self::Fixed(Window::DEFAULT)
    }
}

impl From<Window> for WindowSetting {
    fn from(window: Window) -> Self {
        Self::Fixed(window)
    }
}

impl FromStr for WindowSetting {
    type Err = ConfigError;

    /// Reads `auto`, or a number of segments.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse()
            .map(Self::Fixed)
            .map_err(|_: ConfigError| ConfigError::WindowSetting(text.to_owned()))
    }
}

impl fmt::Display for WindowSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(window) => window.fmt(f),
            Self::Auto => f.pad("auto"),
        }
    }
}

/// What makes the sender go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Recovery {
    /// Only the retransmission timer, as in the textbook (Kurose & Ross, 3.4.3).
    Timeout,
    /// Also the first ACK that shows a gap, once for each loss.
    #[default]
    Fast,
}

impl FromStr for Recovery {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "timeout" => Ok(Self::Timeout),
            "fast" => Ok(Self::Fast),
            _ => Err(ConfigError::Recovery(text.to_owned())),
        }
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Timeout => "timeout",
            Self::Fast => "fast",
        })
    }
}

/// How long the retransmission timer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// Always this long, without back-off. Less than [`MIN_RTO`] is taken as [`MIN_RTO`].
    Fixed(Duration),
    /// RFC 6298: `srtt + max(floor, 4 rttvar)`, doubled at each timeout until the round trip is measured again.
    ///
    /// The floor is a margin over the round trip, as Linux applies its least timeout, and not a least sum: on a path of
    /// 40 ms that never varies, a timer of exactly 40 ms would race with every ACK.
    Adaptive {
        /// The least margin over the smoothed round trip. Less than [`MIN_RTO`] is taken as [`MIN_RTO`].
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

    /// Reads `adaptive`, or a time of 1 ms to 60 s such as `200ms` or `1.5s`.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if text == "adaptive" {
            return Ok(Self::ADAPTIVE);
        }
        parse_time(text)
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

fn parse_time(text: &str) -> Option<Duration> {
    let (number, seconds_per_unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1e-3),
        (None, Some(number)) => (number, 1.0),
        (None, None) => return None,
    };
    let number: f64 = number.parse().ok()?;
    Duration::try_from_secs_f64(number * seconds_per_unit).ok()
}

/// The settings of a [`Sender`](crate::Sender).
///
/// A receiver that doesn't answer is lost after `max_timeouts` in a row *and* `min_silence`: a count alone would lose
/// every receiver behind a path longer than a few fixed timeouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderConfig {
    /// How many segments may be outstanding.
    pub window: WindowSetting,
    /// What makes it go back.
    pub recovery: Recovery,
    /// How long its timer runs.
    pub timeout: Timeout,
    /// How often it puts each segment on the wire.
    pub copies: Copies,
    /// Timeouts in a row, without any ACK, before a receiver is lost.
    pub max_timeouts: u32,
    /// The least time between the first of those timeouts and the loss.
    pub min_silence: Duration,
}

impl Default for SenderConfig {
    /// 64 segments, fast recovery, adaptive timer, one copy; 10 timeouts over at least 5 seconds.
    fn default() -> Self {
        Self {
            window: WindowSetting::default(),
            recovery: Recovery::default(),
            timeout: Timeout::default(),
            copies: Copies::default(),
            max_timeouts: 10,
            min_silence: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_1_to_65535_segments() {
        for (text, segments) in [("1", 1), ("65535", u16::MAX), ("64", 64)] {
            let window: Window = text.parse().unwrap();
            assert_eq!(window.segments(), segments);
            assert_eq!(window.to_string(), text);
        }
        for text in ["0", "65536", "-1", "", "ten", "1.5", "auto"] {
            let error = text.parse::<Window>().unwrap_err().to_string();
            assert!(error.contains("from 1 to 65535"), "{error}");
        }
        assert!(Window::try_from(0_u16).is_err());
        assert!(Window::try_from(65_536_u32).is_err());
    }

    #[test]
    fn a_window_is_set_or_finds_itself() {
        for text in ["auto", "1", "65535"] {
            let setting: WindowSetting = text.parse().unwrap();
            assert_eq!(setting.to_string(), text);
        }
        for text in ["0", "65536", "Auto", ""] {
            let error = text.parse::<WindowSetting>().unwrap_err().to_string();
            assert!(error.contains("`auto` or a whole number"), "{error}");
        }
    }

    #[test]
    fn a_recovery_reads_back_as_it_was_written() {
        for recovery in [Recovery::Timeout, Recovery::Fast] {
            assert_eq!(recovery.to_string().parse(), Ok(recovery));
        }
        let error = "slow".parse::<Recovery>().unwrap_err().to_string();
        assert!(error.contains("`timeout` or `fast`"), "{error}");
    }

    #[test]
    fn a_timeout_reads_back_as_it_was_written() {
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
