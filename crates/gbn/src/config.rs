//! The settings of a sender: window, recovery rule, retransmission timer and copies.

mod copies;
mod error;
mod timeout;
mod window;

use std::time::Duration;

pub use self::{
    copies::Copies,
    error::ConfigError,
    timeout::{
        CONSTANT_RETRIES, DEFAULT_FLOOR, INITIAL_RTO, MAX_BACK_OFF, MAX_FIXED_TIMEOUT, MIN_RTO,
        Timeout,
    },
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
    /// How long a receiver may stall the transfer, by acknowledging nothing new, before it counts as lost. Never less than
    /// [`MIN_RETRIES`] retransmission timeouts.
    pub max_stall: Duration,
    /// If set, a receiver that sends no ACK at all counts as lost earlier than that.
    pub max_silence: Option<Silence>,
}

/// A receiver is silent after this many consecutive timeouts without any ACK *and* this long after the first of them. A count
/// alone would lose every receiver behind a path whose round trip is longer than a few fixed timeouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// Consecutive timeouts without any ACK.
    pub timeouts: u32,
    /// The minimum time since the first of those timeouts.
    pub min_time: Duration,
}

/// By default a receiver counts as lost after this long without progress.
pub const DEFAULT_MAX_STALL: Duration = Duration::from_secs(30);

/// The retransmission timeouts that fit into the time without progress, however long they are.
pub const MIN_RETRIES: u32 = 3;

impl Default for SenderConfig {
    /// 64 segments, fast recovery, adaptive timer, one copy; 30 seconds without progress.
    fn default() -> Self {
        Self {
            window: WindowSetting::default(),
            recovery: Recovery::default(),
            timeout: Timeout::default(),
            copies: Copies::default(),
            max_stall: DEFAULT_MAX_STALL,
            max_silence: None,
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
