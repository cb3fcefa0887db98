//! How packets are lost: how many, and whether one by one or in bursts.

use std::fmt;
use std::str::FromStr;

use backroom_link::{GilbertElliott, Loss};

/// The fraction of packets lost in the long run, from 0 to 0.5.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct LossRate(f64);

impl LossRate {
    /// Nothing is lost.
    pub const NONE: Self = Self(0.0);

    /// The fraction.
    pub fn fraction(self) -> f64 {
        self.0
    }

    /// The loss model of a link with this mean loss and this burst length.
    ///
    /// A burst of mean length `L` ends with the probability `r = 1 / L` and begins with the probability `p`, so that
    /// the loss is `p / (p + r)`. The good state loses nothing, the bad state everything (Gilbert 1960; the terms are
    /// those of netem's `gemodel`).
    pub fn in_bursts(self, burst: Burst) -> Loss {
        match burst {
            _ if self.0 == 0.0 => Loss::None,
            Burst::Random => Loss::Random(self.0),
            Burst::Mean(length) => {
                let r = 1.0 / length;
                Loss::GilbertElliott(GilbertElliott {
                    p: r * self.0 / (1.0 - self.0),
                    r,
                    loss_good: 0.0,
                    loss_bad: 1.0,
                })
            }
        }
    }
}

impl fmt::Display for LossRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for LossRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .ok()
            .filter(|fraction| (0.0..=0.5).contains(fraction))
            .map(Self)
            .ok_or_else(|| "a fraction from 0 to 0.5 like 0.01".to_owned())
    }
}

/// Whether losses are independent or come in bursts, written `random` or as the mean length of a burst.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Burst {
    /// Each packet is lost independently, with the same probability.
    Random,
    /// Mean number of packets lost in a row.
    Mean(f64),
}

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.pad("random"),
            Self::Mean(length) => length.fmt(f),
        }
    }
}

impl FromStr for Burst {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "random" {
            return Ok(Self::Random);
        }
        text.parse()
            .ok()
            .filter(|length| (1.0..=100.0).contains(length))
            .map(Self::Mean)
            .ok_or_else(|| "random, or the mean length of a burst from 1 to 100 packets".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_has_the_requested_mean_and_length() {
        let rate: LossRate = "0.02".parse().unwrap();
        let Loss::GilbertElliott(GilbertElliott { p, r, .. }) = rate.in_bursts(Burst::Mean(8.0))
        else {
            panic!("a burst is a Gilbert-Elliott loss");
        };
        assert!((p / (p + r) - 0.02).abs() < 1e-12);
        assert!((1.0 / r - 8.0).abs() < 1e-12);
    }

    #[test]
    fn without_loss_there_are_no_bursts() {
        let rate: LossRate = "0".parse().unwrap();
        assert!(matches!(rate.in_bursts(Burst::Mean(8.0)), Loss::None));
    }

    #[test]
    fn invalid_fractions_are_refused() {
        for text in ["", "1", "-0.1", "nan", "inf", "1%"] {
            assert!(text.parse::<LossRate>().is_err(), "{text}");
        }
        for text in ["", "0", "nan", "101", "often"] {
            assert!(text.parse::<Burst>().is_err(), "{text}");
        }
    }
}
