//! The settings of a sender: window, recovery rule, retransmission timer and copies.

mod copies;
mod error;
mod timeout;
mod window;

use std::time::Duration;

pub use self::{
    copies::Copies,
    error::ConfigError,
    timeout::{DEFAULT_FLOOR, INITIAL_RTO, MAX_BACK_OFF, MAX_FIXED_TIMEOUT, MIN_RTO, Timeout},
    window::{Window, WindowSetting},
};

/// The events that make a sender go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, strum::Display, strum::EnumString)]
#[strum(serialize_all = "lowercase", parse_err_ty = ConfigError, parse_err_fn = invalid_recovery)]
pub enum Recovery {
    /// Only the retransmission timer, as in the textbook (Kurose & Ross, 3.4.3).
    Timeout,
    /// The timer, and also the first ACK that reports a gap, once for each loss.
    #[default]
    Fast,
}

fn invalid_recovery(text: &str) -> ConfigError {
    ConfigError::Recovery(text.to_owned())
}

/// The settings of a [`Sender`](crate::Sender).
///
/// A receiver counts as lost after `max_timeouts` consecutive timeouts *and* `min_silence`. A count alone would lose every
/// receiver behind a path whose round trip is longer than a few fixed timeouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderConfig {
    /// The number of segments that may be outstanding.
    pub window: WindowSetting,
    /// The events that make the sender go back.
    pub recovery: Recovery,
    /// The rule for the retransmission timeout.
    pub timeout: Timeout,
    /// The number of times that each segment is transmitted.
    pub copies: Copies,
    /// Consecutive timeouts without any ACK before a receiver counts as lost.
    pub max_timeouts: u32,
    /// The minimum time between the first of those timeouts and the loss of the receiver.
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
    fn recovery_rules_round_trip() {
        for recovery in [Recovery::Timeout, Recovery::Fast] {
            assert_eq!(recovery.to_string().parse(), Ok(recovery));
        }
        let error = "slow".parse::<Recovery>().unwrap_err().to_string();
        assert!(error.contains("`timeout` or `fast`"), "{error}");
    }
}
