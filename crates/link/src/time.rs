//! Durations in configuration files: `10ms`, `1.5s`, `250us`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

use crate::error::ConfigError;

/// Parses a duration such as `10ms`, `1.5s`, `250us` or `0`.
///
/// # Errors
/// [`ConfigError::Time`] if the text has no number, no unit or an unknown unit.
pub fn parse_time(text: &str) -> Result<Duration, ConfigError> {
    humantime::parse_duration(text).map_err(|_| ConfigError::Time(text.to_owned()))
}

/// Formats a duration in one unit, so that [`parse_time`] reads it back. (`humantime` would write `1s 500ms`.)
pub fn format_time(time: Duration) -> String {
    if time.is_zero() {
        "0".to_owned()
    } else {
        format!("{time:?}").replace("µs", "us")
    }
}

pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_time(*time))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_time(&text).map_err(Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_round_trip() {
        for (text, time) in [
            ("0", Duration::ZERO),
            ("10ms", Duration::from_millis(10)),
            ("1.5s", Duration::from_millis(1500)),
            ("250us", Duration::from_micros(250)),
            ("2.5ms", Duration::from_micros(2500)),
            ("7ns", Duration::from_nanos(7)),
        ] {
            assert_eq!(parse_time(text).unwrap(), time);
            assert_eq!(format_time(time), text);
        }
    }

    #[test]
    fn malformed_durations_are_rejected() {
        for text in ["", "10", "-1ms", "ms", "NaNs", "soon", "1e30s"] {
            let error = parse_time(text).unwrap_err();
            assert!(error.to_string().contains("10ms"), "{text}: {error}");
        }
    }
}
