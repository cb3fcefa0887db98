//! Transmission rates.

use std::{fmt, num::NonZeroU64, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::error::ConfigError;

const UNITS: [(&str, u64); 4] = [
    ("gbit", 1_000_000_000),
    ("mbit", 1_000_000),
    ("kbit", 1_000),
    ("bit", 1),
];

/// A rate in bits per second, counting whole IP packets. The text form is that of `tc`: `10mbit`, `2.5gbit`, `64kbit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate(NonZeroU64);

impl Rate {
    /// The rate in bits per second, at least 1.
    pub fn bits_per_second(self) -> u64 {
        self.0.get()
    }

    /// The rate in Mbit/s (10^6 bits per second).
    pub fn mbps(self) -> f64 {
        self.bits_per_second() as f64 / 1e6
    }

    /// The time that a packet of `bytes` occupies the transmitter, rounded up to a nanosecond.
    pub fn transmission_time(self, bytes: usize) -> Duration {
        let nanoseconds = (bytes as u128 * 8_000_000_000).div_ceil(self.0.get().into());
        Duration::from_nanos(nanoseconds.try_into().unwrap_or(u64::MAX))
    }
}

impl FromStr for Rate {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let lower = text.to_ascii_lowercase();
        UNITS
            .iter()
            .find_map(|(unit, factor)| Some((lower.strip_suffix(unit)?, *factor)))
            .and_then(|(number, factor)| {
                let bits = number.trim_end().parse::<f64>().ok()? * factor as f64;
                (1.0..1e15).contains(&bits).then_some(bits.round() as u64)
            })
            .and_then(NonZeroU64::new)
            .map(Self)
            .ok_or_else(|| ConfigError::Rate(text.to_owned()))
    }
}

impl fmt::Display for Rate {
    /// Uses the largest unit that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits_per_second();
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(_, factor)| bits.is_multiple_of(*factor))
            .unwrap_or(("bit", 1));
        f.pad(&format!("{}{unit}", bits / factor))
    }
}

impl TryFrom<String> for Rate {
    type Error = ConfigError;

    fn try_from(text: String) -> Result<Self, ConfigError> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_use_the_units_of_tc() {
        for (text, bits, shown) in [
            ("10mbit", 10_000_000, "10mbit"),
            ("1Gbit", 1_000_000_000, "1gbit"),
            ("64kbit", 64_000, "64kbit"),
            ("2.5mbit", 2_500_000, "2500kbit"),
            ("1000 kbit", 1_000_000, "1mbit"),
            ("7bit", 7, "7bit"),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.bits_per_second(), bits, "{text}");
            assert_eq!(rate.to_string(), shown);
            assert_eq!(shown.parse::<Rate>().unwrap(), rate);
        }
    }

    #[test]
    fn malformed_rates_are_rejected() {
        for text in [
            "", "10", "0mbit", "-1mbit", "10mbps", "fast", "NaNmbit", "1e99gbit", "mbit",
        ] {
            let error = text.parse::<Rate>().unwrap_err();
            assert!(error.to_string().contains("10mbit"), "{text}: {error}");
        }
    }

    #[test]
    fn a_packet_of_1250_bytes_takes_a_millisecond_at_10_mbit() {
        let rate: Rate = "10mbit".parse().unwrap();
        assert_eq!(rate.transmission_time(1250), Duration::from_millis(1));
        assert_eq!(rate.transmission_time(0), Duration::ZERO);
    }
}
