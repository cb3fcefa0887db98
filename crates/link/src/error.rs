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
    /// A number is out of range.
    #[error("{name} is {value}: expected {expected}")]
    OutOfRange {
        /// The setting, as it is written in a file.
        name: &'static str,
        /// The rejected value.
        value: String,
        /// The values allowed.
        expected: String,
    },
}

pub(crate) fn check(
    is_in_range: bool,
    name: &'static str,
    value: impl ToString,
    expected: impl ToString,
) -> Result<(), ConfigError> {
    if is_in_range {
        return Ok(());
    }
    Err(ConfigError::OutOfRange {
        name,
        value: value.to_string(),
        expected: expected.to_string(),
    })
}

pub(crate) fn check_fraction(name: &'static str, value: f64) -> Result<(), ConfigError> {
    let expected = "a fraction from 0 to 1 (0.01 is 1 %)";
    check((0.0..=1.0).contains(&value), name, value, expected)
}
