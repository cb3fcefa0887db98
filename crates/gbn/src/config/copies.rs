//! The number of times that each segment is transmitted.

use std::{fmt, num::NonZeroU8, str::FromStr};

use super::error::ConfigError;

/// The number of times that each segment is transmitted, in succession and in the same round: 1 to 4.
///
/// More than 1 is stutter Go-Back-N (Towsley: *The Stutter Go Back-N ARQ Protocol*, 1979, after Sastry's report on
/// satellite channels, 1974) with a finite window and a constant number of copies. An independent loss probability of `p`
/// becomes `p^n`, and each segment takes `n` slots. Copies pay off only where going back costs more than they do: on a
/// long path with losses that are not caused by a full queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Copies(NonZeroU8);

impl Copies {
    /// Each segment once: plain Go-Back-N.
    pub const ONE: Self = Self(NonZeroU8::MIN);
    /// 4. More would pay off only if every third segment were lost.
    pub const MAX: Self = Self(NonZeroU8::MIN.saturating_add(3));

    /// Transmissions per segment, 1 to 4.
    pub const fn count(self) -> u8 {
        self.0.get()
    }
}

impl Default for Copies {
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<u8> for Copies {
    type Error = ConfigError;

    fn try_from(count: u8) -> Result<Self, ConfigError> {
        NonZeroU8::new(count)
            .map(Self)
            .filter(|copies| *copies <= Self::MAX)
            .ok_or_else(|| ConfigError::Copies(count.to_string()))
    }
}

impl FromStr for Copies {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        text.parse::<u8>()
            .ok()
            .and_then(|count| Self::try_from(count).ok())
            .ok_or_else(|| ConfigError::Copies(text.to_owned()))
    }
}

impl fmt::Display for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_1_to_4() {
        for (text, count) in [("1", 1), ("2", 2), ("4", 4)] {
            let copies: Copies = text.parse().unwrap();
            assert_eq!(copies.count(), count);
            assert_eq!(copies.to_string(), text);
        }
        for text in ["0", "5", "255", "256", "-1", "", "two", "1.5"] {
            let error = text.parse::<Copies>().unwrap_err().to_string();
            assert!(error.contains("from 1 to 4"), "{error}");
        }
        assert!(Copies::try_from(0).is_err());
        assert!(Copies::try_from(5).is_err());
    }
}
