//! The words and sizes a scenario is written in.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use backroom_link::{format_time, parse_time};
use serde::Serialize;

/// Who receives a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cast {
    /// One member.
    Unicast,
    /// Some of the room: one member more is there and is not addressed.
    Multicast,
    /// Everyone in the room but the sender.
    Broadcast,
    /// Everyone but the sender and one blocked member.
    Blockcast,
}

impl Cast {
    /// Every cast, in the order in which charts show them.
    pub const ALL: [Self; 4] = [
        Self::Unicast,
        Self::Multicast,
        Self::Broadcast,
        Self::Blockcast,
    ];

    /// Members of the room besides the sender and the receivers, so that the cast is what its name says.
    pub fn bystanders(self) -> u16 {
        match self {
            Self::Unicast | Self::Broadcast => 0,
            Self::Multicast | Self::Blockcast => 1,
        }
    }
}

impl fmt::Display for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unicast => "unicast",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Blockcast => "blockcast",
        })
    }
}

impl FromStr for Cast {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        named(text, &Self::ALL)
    }
}

/// How a file reaches several receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// One stream after another.
    Sequential,
    /// One stream for each receiver, all at once, sharing the sender's link.
    Parallel,
    /// One stream for all of them.
    IpMulticast,
}

impl Delivery {
    /// Every delivery, in the order in which charts show them.
    pub const ALL: [Self; 3] = [Self::Sequential, Self::Parallel, Self::IpMulticast];
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sequential => "sequential",
            Self::Parallel => "parallel",
            Self::IpMulticast => "ip-multicast",
        })
    }
}

impl FromStr for Delivery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        named(text, &Self::ALL)
    }
}

/// Where packets are lost. It matters to IP multicast alone: one stream that loses at the sender's side loses for
/// all receivers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LossSide {
    /// On each member's way out, before the network copies the packet: shared by all receivers.
    Sender,
    /// On each member's way in: every receiver loses alone.
    Receivers,
}

impl LossSide {
    /// Both sides.
    pub const ALL: [Self; 2] = [Self::Sender, Self::Receivers];
}

impl fmt::Display for LossSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sender => "sender",
            Self::Receivers => "receivers",
        })
    }
}

impl FromStr for LossSide {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        named(text, &Self::ALL)
    }
}

/// The value of `all` that is called `text`.
fn named<T: fmt::Display + Copy>(text: &str, all: &[T]) -> Result<T, String> {
    all.iter()
        .find(|value| value.to_string() == text)
        .copied()
        .ok_or_else(|| {
            let names: Vec<_> = all.iter().map(ToString::to_string).collect();
            format!("one of {}", names.join(", "))
        })
}

/// A file's size in bytes, written `4MiB`, `500KB` or `1200`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct FileSize(u64);

impl FileSize {
    /// The largest file a run may send: 1 GiB.
    pub const MAX: Self = Self(1 << 30);

    const UNITS: [(&str, u64); 8] = [
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("KB", 1_000),
        ("kB", 1_000),
        ("B", 1),
    ];

    /// A size of so many bytes.
    pub fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// The size with a space before its unit: `512 KiB`.
    pub fn spaced(self) -> String {
        let text = self.to_string();
        match text.find(|letter: char| !letter.is_ascii_digit()) {
            Some(unit) => format!("{} {}", &text[..unit], &text[unit..]),
            None => format!("{text} bytes"),
        }
    }
}

impl fmt::Display for FileSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = Self::UNITS
            .iter()
            .find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit) && *unit > 1);
        match whole {
            Some((name, unit)) => f.pad(&format!("{}{name}", self.0 / unit)),
            None => f.pad(&self.0.to_string()),
        }
    }
}

impl FromStr for FileSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = || format!("a size like 4MiB, 500KB or 1200, at most {}", Self::MAX);
        let (number, unit) = Self::UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
            .unwrap_or((text, 1));
        let bytes = number
            .trim()
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(unit))
            .filter(|bytes| *bytes <= Self::MAX.0)
            .ok_or_else(allowed)?;
        Ok(Self(bytes))
    }
}

/// A length of time, written `10ms`, `1.5s`, `200us` or `0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Duration);

impl Time {
    /// The longest delay a link may have.
    pub const MAX: Self = Self(Duration::from_secs(10));

    /// In milliseconds.
    pub fn ms(self) -> f64 {
        self.0.as_secs_f64() * 1e3
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format_time(self.0))
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_time(text)
            .ok()
            .map(Self)
            .filter(|time| *time <= Self::MAX)
            .ok_or_else(|| "a time from 0 to 10s like 10ms".to_owned())
    }
}

/// A limit that may be absent, written `unlimited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Optional<T>(pub Option<T>);

impl<T> Optional<T> {
    const ABSENT: &str = "unlimited";

    /// Reads `unlimited`, or what `parse` reads.
    ///
    /// # Errors
    /// What `parse` allows, and `unlimited`.
    pub(crate) fn parse(
        text: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Self, String> {
        if text == Self::ABSENT {
            return Ok(Self(None));
        }
        let value = parse(text).map_err(|allowed| format!("{allowed}, or {}", Self::ABSENT))?;
        Ok(Self(Some(value)))
    }
}

impl<T: fmt::Display> fmt::Display for Optional<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.pad(Self::ABSENT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_size_reads_back_as_it_is_written() {
        for text in ["4MiB", "500KB", "1200", "0", "1GiB", "3KiB"] {
            assert_eq!(text.parse::<FileSize>().unwrap().to_string(), text);
        }
        assert_eq!("4MiB".parse::<FileSize>().unwrap().bytes(), 4 << 20);
    }

    #[test]
    fn a_wrong_size_says_what_is_allowed() {
        for text in [
            "",
            "MiB",
            "-1",
            "2GiB",
            "4 elephants",
            "99999999999999999999GB",
        ] {
            let allowed = text.parse::<FileSize>().unwrap_err();
            assert!(allowed.contains("4MiB"), "{text}: {allowed}");
        }
    }

    #[test]
    fn a_wrong_word_lists_the_right_ones() {
        let allowed = "multi".parse::<Cast>().unwrap_err();
        assert_eq!(allowed, "one of unicast, multicast, broadcast, blockcast");
    }
}
