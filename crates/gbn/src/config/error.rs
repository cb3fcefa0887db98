//! The errors of settings that do not parse.

/// A setting that is malformed or out of range. The message names the allowed values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text is neither `auto` nor a window size.
    #[error("invalid window {0:?}: expected `auto` or a whole number of segments from 1 to 65535")]
    Window(String),
    /// The text is not a recovery rule.
    #[error("invalid recovery {0:?}: expected `timeout` or `fast`")]
    Recovery(String),
    /// The text is not a retransmission timeout.
    #[error(
        "invalid timeout {0:?}: expected `adaptive` or a time from 1ms to 60s, such as `200ms`"
    )]
    Timeout(String),
    /// The value is not a number of copies.
    #[error("invalid number of copies {0:?}: expected a whole number from 1 to 4")]
    Copies(String),
}
