//! Loss models.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{ConfigError, check_fraction};
use crate::lfsr113::{Lfsr113, threshold};

/// A loss model.
///
/// The text form, also used in files, is a fraction (`0.01` is 1 %), `gemodel P R [1-H [1-K]]` with the parameters of
/// `tc` as fractions, or `drop N N N` with the indexes of the packets to drop.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Loss {
    /// No loss.
    #[default]
    None,
    /// Independent loss of each packet with this probability, from 0 to 1.
    Random(f64),
    /// Bursts.
    GilbertElliott(GilbertElliott),
    /// Drops exactly these packets, counted from 0 in the order in which they are sent.
    Droplist(Vec<u64>),
}

/// A Markov chain with a good and a bad state, as in netem's `gemodel`. The chain starts in the good state. Each packet is
/// first dropped or kept according to the current state; then the state may change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GilbertElliott {
    /// Probability of a transition from good to bad.
    pub p: f64,
    /// Probability of a transition from bad to good.
    pub r: f64,
    /// Loss probability in the good state: netem's `1-k`.
    pub loss_good: f64,
    /// Loss probability in the bad state: netem's `1-h`.
    pub loss_bad: f64,
}

impl Loss {
    /// The mean loss as a fraction. It is 0 for a droplist, whose mean depends on the number of packets.
    pub fn mean(&self) -> f64 {
        match *self {
            Self::None | Self::Droplist(_) => 0.0,
            Self::Random(probability) => probability,
            Self::GilbertElliott(model) if model.p + model.r == 0.0 => model.loss_good,
            Self::GilbertElliott(model) => {
                (model.p * model.loss_bad + model.r * model.loss_good) / (model.p + model.r)
            }
        }
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        match *self {
            Self::None | Self::Droplist(_) => Ok(()),
            Self::Random(probability) => check_fraction("loss", probability),
            Self::GilbertElliott(model) => {
                check_fraction("p of gemodel", model.p)?;
                check_fraction("r of gemodel", model.r)?;
                check_fraction("1-h of gemodel", model.loss_bad)?;
                check_fraction("1-k of gemodel", model.loss_good)
            }
        }
    }
}

impl FromStr for Loss {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let error = || ConfigError::Loss(text.to_owned());
        let mut words = text.split_whitespace();
        let loss = match words.next().ok_or_else(error)? {
            "gemodel" => gemodel(words).ok_or_else(error)?,
            "drop" => {
                let mut indexes = words
                    .map(str::parse)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|_| error())?;
                indexes.sort_unstable();
                indexes.dedup();
                Self::Droplist(indexes)
            }
            number if words.next().is_none() => {
                Self::from(number.parse::<f64>().map_err(|_| error())?)
            }
            _ => return Err(error()),
        };
        loss.validate().map(|()| loss)
    }
}

impl From<f64> for Loss {
    fn from(probability: f64) -> Self {
        if probability == 0.0 {
            Self::None
        } else {
            Self::Random(probability)
        }
    }
}

fn gemodel<'a>(words: impl Iterator<Item = &'a str>) -> Option<Loss> {
    let numbers = words
        .map(str::parse)
        .collect::<Result<Vec<f64>, _>>()
        .ok()?;
    let (p, r, loss_bad, loss_good) = match numbers[..] {
        [p, r] => (p, r, 1.0, 0.0),
        [p, r, loss_bad] => (p, r, loss_bad, 0.0),
        [p, r, loss_bad, loss_good] => (p, r, loss_bad, loss_good),
        _ => return None,
    };
    Some(Loss::GilbertElliott(GilbertElliott {
        p,
        r,
        loss_good,
        loss_bad,
    }))
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("0"),
            Self::Random(probability) => write!(f, "{probability}"),
            Self::GilbertElliott(model) => {
                write!(f, "gemodel {} {} ", model.p, model.r)?;
                write!(f, "{} {}", model.loss_bad, model.loss_good)
            }
            Self::Droplist(indexes) => {
                f.write_str("drop")?;
                indexes.iter().try_for_each(|index| write!(f, " {index}"))
            }
        }
    }
}

impl Serialize for Loss {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_f64(0.0),
            Self::Random(probability) => serializer.serialize_f64(*probability),
            Self::GilbertElliott(_) | Self::Droplist(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Loss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Loss;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a fraction such as 0.01, \"gemodel P R [1-H [1-K]]\" or \"drop N N N\"",
                )
            }

            fn visit_f64<E: de::Error>(self, probability: f64) -> Result<Loss, E> {
                let loss = Loss::from(probability);
                loss.validate().map(|()| loss).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, probability: u64) -> Result<Loss, E> {
                self.visit_f64(probability as f64)
            }

            fn visit_i64<E: de::Error>(self, probability: i64) -> Result<Loss, E> {
                self.visit_f64(probability as f64)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Loss, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// A loss model and its state. With the same seed, it loses the same packets as netem: it draws the same numbers in the same
/// order, and compares them in the same way (`loss_event` in Linux's `net/sched/sch_netem.c`). But netem takes the numbers
/// for jitter and duplicates from the same sequence, so its losses differ if it has any.
#[derive(Debug, Clone)]
pub(crate) struct LossProcess {
    loss: Loss,
    random: Lfsr113,
    offered: u64,
    is_bad: bool,
}

impl LossProcess {
    pub(crate) fn new(mut loss: Loss, seed: u64) -> Self {
        // `loses_next` searches the list by bisection.
        if let Loss::Droplist(indexes) = &mut loss {
            indexes.sort_unstable();
        }
        Self {
            loss,
            random: Lfsr113::new(seed),
            offered: 0,
            is_bad: false,
        }
    }

    /// Advances by one packet and returns whether it is lost.
    pub(crate) fn loses_next(&mut self) -> bool {
        let index = self.offered;
        self.offered += 1;
        match &self.loss {
            Loss::None => false,
            Loss::Random(probability) => {
                let lost_up_to = threshold(*probability);
                self.random.next_u32() <= lost_up_to && lost_up_to > 0
            }
            Loss::GilbertElliott(model) => {
                let was_bad = self.is_bad;
                let leaves = if was_bad { model.r } else { model.p };
                self.is_bad ^= self.random.next_u32() < threshold(leaves);
                let number = self.random.next_u32();
                match was_bad {
                    true => number > u32::MAX - threshold(model.loss_bad),
                    false => number < threshold(model.loss_good),
                }
            }
            Loss::Droplist(indexes) => indexes.binary_search(&index).is_ok(),
        }
    }
}
