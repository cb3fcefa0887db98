//! The settings of a link.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{ConfigError, check, check_fraction};
use crate::loss::Loss;
use crate::rate::Rate;
use crate::time::{self, format_time};

/// The longest delay that [`LinkConfig::validate`] accepts.
pub const MAX_DELAY: Duration = Duration::from_secs(60);

/// The settings of one direction of a link. The default delivers every packet immediately.
///
/// In a file: `rate = "10mbit"`, `delay = "10ms"`, `jitter = "1ms"`, `queue = 100`, `loss = 0.01`, `duplicate = 0.001`,
/// `reorder = 0.01`. A missing key leaves that impairment out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkConfig {
    /// The transmission rate; `None` transmits in no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// One-way propagation delay, at most [`MAX_DELAY`].
    #[serde(with = "time")]
    pub delay: Duration,
    /// Each packet's delay is uniform in `delay ± jitter`. Jitter does not reorder: a packet that would overtake waits for
    /// the one before it, as in netem with a rate. At most `delay`.
    #[serde(with = "time")]
    pub jitter: Duration,
    /// The queue's limit in packets, including the one in transmission; `None` is unbounded. Without a rate the queue is
    /// always empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<usize>,
    /// The loss model. It applies before the queue.
    pub loss: Loss,
    /// The probability, from 0 to 1, that a packet is duplicated. The copy is transmitted right after the original.
    pub duplicate: f64,
    /// The probability, from 0 to 1, that a packet skips the delay and so overtakes others.
    pub reorder: f64,
}

impl LinkConfig {
    /// Checks that every field is in range.
    ///
    /// # Errors
    /// Describes the first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.loss.validate()?;
        check_fraction("duplicate", self.duplicate)?;
        check_fraction("reorder", self.reorder)?;
        let (delay, jitter) = (format_time(self.delay), format_time(self.jitter));
        check(self.delay <= MAX_DELAY, "delay", &delay, "at most 60s")?;
        // Otherwise a packet could arrive before it is sent.
        let at_most_delay = format!("at most the delay, {delay}");
        check(self.jitter <= self.delay, "jitter", jitter, at_most_delay)?;
        check(self.queue != Some(0), "queue", 0, "at least 1 packet")
    }

    /// The bandwidth-delay product in packets of `bytes`, rounded up. `None` without a rate.
    pub fn packets_in_flight(&self, bytes: usize) -> Option<u64> {
        let transmission = self.rate?.transmission_time(bytes).as_nanos().max(1);
        Some(self.delay.as_nanos().div_ceil(transmission) as u64)
    }
}
