//! Times as people write them: `10ms`, `1.5s`, `250us`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

use crate::config::ConfigError;

const UNITS: [(&str, f64); 4] = [("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];

/// Reads a time such as `10ms`, `1.5s`, `250us` or `0`.
pub fn parse_time(text: &str) -> Result<Duration, ConfigError> {
    let seconds = if text == "0" {
        Some(0.0)
    } else {
        UNITS.iter().find_map(|(unit, seconds_per_unit)| {
            let number: f64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
            Some(number * seconds_per_unit)
        })
    };
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| ConfigError::Time(text.to_owned()))
}

/// Writes a time as [`parse_time`] reads it.
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
    fn a_time_reads_back_as_it_was_written() {
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
    fn what_is_no_time_is_refused_with_what_is_allowed() {
        for text in ["", "10", "-1ms", "ms", "NaNs", "soon", "1e30s"] {
            let error = parse_time(text).unwrap_err();
            assert!(error.to_string().contains("10ms"), "{text}: {error}");
        }
    }
}
