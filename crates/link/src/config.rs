//! What a link does to packets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{loss::Loss, rate::Rate, time};

/// The longest delay.
pub const MAX_DELAY: Duration = Duration::from_secs(60);

/// One direction of a link. The default carries everything at once.
///
/// In a file: `rate = "10mbit"`, `delay = "10ms"`, `jitter = "1ms"`, `queue = 100`, `loss = 0.01`, `duplicate = 0.001`,
/// `reorder = 0.01`; what is left out does nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkConfig {
    /// How fast packets are transmitted, one after the other; `None` takes no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Propagation, one way.
    #[serde(with = "time")]
    pub delay: Duration,
    /// The delay of each packet differs from `delay` by up to this, uniformly. No packet overtakes another by it: a later
    /// one waits, as in netem with a rate. At most `delay`.
    #[serde(with = "time")]
    pub jitter: Duration,
    /// How many packets may wait, the one in transmission included; `None` is without bound. Without a rate nothing
    /// ever waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<usize>,
    /// Which packets are lost before they reach the queue.
    pub loss: Loss,
    /// The probability, from 0 to 1, that a packet is sent twice. The copy is transmitted right behind it.
    pub duplicate: f64,
    /// The probability, from 0 to 1, that a packet skips the delay, and so overtakes.
    pub reorder: f64,
}

impl LinkConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first value that is out of range, with what is allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.loss.validate()?;
        ConfigError::check_fraction("duplicate", self.duplicate)?;
        ConfigError::check_fraction("reorder", self.reorder)?;
        if self.delay > MAX_DELAY {
            return Err(ConfigError::Delay(time::format_time(self.delay)));
        }
        if self.jitter > self.delay {
            let (jitter, delay) = (
                time::format_time(self.jitter),
                time::format_time(self.delay),
            );
            return Err(ConfigError::Jitter { jitter, delay });
        }
        if self.queue == Some(0) {
            return Err(ConfigError::Queue);
        }
        Ok(())
    }

    /// Packets of this size that are on the way when the link is full in both senses: rate x delay, rounded up.
    /// `None` without a rate.
    pub fn packets_in_flight(&self, bytes: usize) -> Option<u64> {
        let transmission = self.rate?.transmission_time(bytes).as_nanos().max(1);
        Some(self.delay.as_nanos().div_ceil(transmission) as u64)
    }
}

/// A value that a link can't have, with what is allowed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// Not a rate.
    #[error(
        "{0:?} is not a rate: it must be bits per second such as `10mbit`, `1gbit` or `64kbit`"
    )]
    Rate(String),
    /// Not a time.
    #[error(
        "{0:?} is not a time: it must be a number and a unit such as `10ms`, `1.5s` or `250us`, or `0`"
    )]
    Time(String),
    /// Not a loss model.
    #[error(
        "{0:?} is not a loss: it must be a fraction such as `0.01`, `gemodel P R [1-H [1-K]]` in fractions, or \
         `drop N N N` with packet indexes from 0"
    )]
    Loss(String),
    /// Not a fraction.
    #[error("{name} is {value}: it must be a fraction from 0 to 1 (0.01 is 1 %)")]
    Fraction {
        /// Of what.
        name: &'static str,
        /// The value.
        value: f64,
    },
    /// Too long a delay.
    #[error("delay is {0}: it must be at most 60s")]
    Delay(String),
    /// A jitter that would deliver before sending.
    #[error("jitter is {jitter}: it must be at most the delay, {delay}")]
    Jitter {
        /// The jitter.
        jitter: String,
        /// The delay.
        delay: String,
    },
    /// A queue for nothing.
    #[error("queue is 0: it must hold at least 1 packet")]
    Queue,
}

impl ConfigError {
    pub(crate) fn check_fraction(name: &'static str, value: f64) -> Result<(), Self> {
        if (0.0..=1.0).contains(&value) {
            Ok(())
        } else {
            Err(Self::Fraction { name, value })
        }
    }
}
