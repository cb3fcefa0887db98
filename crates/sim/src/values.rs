//! Values of axes, as scenarios write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use backroom_link::{format_time, parse_time};
use backroom_vocabulary::ParseNameError;
use bytesize::ByteSize;
use strum::{Display, EnumString, VariantNames};

/// Where packets are lost. Only IP multicast depends on it: a packet of its single stream that is lost at the sender's
/// side is lost for all receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumString, VariantNames)]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = ParseNameError,
    parse_err_fn = ParseNameError::of::<Self>
)]
pub enum LossSide {
    /// At each member's egress, before the network copies the packet: shared by all receivers.
    Sender,
    /// At each member's ingress: every receiver loses independently.
    Receivers,
}

/// A file's size in bytes, written `4MiB`, `500KB` or `1200`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileSize(u64);

impl FileSize {
    /// The largest file a run may send: 1 GiB.
    pub const MAX: Self = Self(1 << 30);

    const UNITS: [(&str, u64); 6] = [
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("KB", 1_000),
    ];

    /// A size of `bytes` bytes.
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
            .find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        match whole {
            Some((name, unit)) => f.pad(&format!("{}{name}", self.0 / unit)),
            None => f.pad(&self.0.to_string()),
        }
    }
}

impl FromStr for FileSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map(|size: ByteSize| Self(size.as_u64()))
            .ok()
            .filter(|size| *size <= Self::MAX)
            .ok_or_else(|| format!("a size like 4MiB, 500KB or 1200, at most {}", Self::MAX))
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
}
