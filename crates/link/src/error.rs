//! The errors of values that a link cannot have.

/// A link setting that is malformed or out of range. The message names the allowed values.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// The text is not a rate.
    #[error("invalid rate {0:?}: expected bits per second, such as `10mbit`, `1gbit` or `64kbit`")]
    Rate(String),
    /// The text is not a duration.
    #[error(
        "invalid duration {0:?}: expected a number and a unit, such as `10ms`, `1.5s` or `250us`, or `0`"
    )]
    Time(String),
    /// The text is not a loss model.
    #[error(
        "invalid loss {0:?}: expected a fraction such as `0.01`, `gemodel P R [1-H [1-K]]` with fractions, or \
         `drop N N N` with packet indexes from 0"
    )]
    Loss(String),
    /// A probability is not between 0 and 1.
    #[error("{name} is {value}: expected a fraction from 0 to 1 (0.01 is 1 %)")]
    Fraction {
        /// The setting, as it is written in a file.
        name: &'static str,
        /// The rejected value.
        value: f64,
    },
    /// The delay is longer than [`MAX_DELAY`](crate::MAX_DELAY).
    #[error("delay is {0}: expected at most 60s")]
    Delay(String),
    /// The jitter exceeds the delay, so a packet could arrive before it is sent.
    #[error("jitter is {jitter}: expected at most the delay, {delay}")]
    Jitter {
        /// The rejected jitter.
        jitter: String,
        /// The delay, which is the largest jitter allowed.
        delay: String,
    },
    /// The queue holds no packet.
    #[error("queue is 0: expected at least 1 packet")]
    Queue,
}

pub(crate) fn check_fraction(name: &'static str, value: f64) -> Result<(), ConfigError> {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::Fraction { name, value })
    }
}
