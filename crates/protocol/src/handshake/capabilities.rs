//! The versions and features that a side speaks, and what two sides use.

use std::fmt;

use crate::features::Features;

/// The newest protocol version of this program.
pub const VERSION: u16 = 3;

/// The first version with negotiation. Earlier ones have other frames and are refused.
pub(super) const FIRST_NEGOTIATED_VERSION: u16 = 3;

/// A range of protocol versions. `oldest` is at most `newest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    oldest: u16,
    newest: u16,
}

impl Versions {
    /// The versions of this program. A program of version n speaks n and n - 1, but nothing before version 3.
    pub const CURRENT: Self = Self {
        oldest: FIRST_NEGOTIATED_VERSION,
        newest: VERSION,
    };

    /// The versions from `oldest` to `newest`, or `None` if `oldest` is the larger.
    pub const fn new(oldest: u16, newest: u16) -> Option<Self> {
        if oldest > newest {
            return None;
        }
        Some(Self { oldest, newest })
    }

    /// The oldest version.
    pub const fn oldest(self) -> u16 {
        self.oldest
    }

    /// The newest version.
    pub const fn newest(self) -> u16 {
        self.newest
    }

    /// The newest version in both ranges.
    pub fn common(self, other: Self) -> Option<u16> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest.max(other.oldest)).then_some(newest)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.oldest == self.newest {
            return write!(f, "version {}", self.newest);
        }
        write!(f, "versions {} to {}", self.oldest, self.newest)
    }
}

/// What one side speaks. It says so in its first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The protocol versions.
    pub versions: Versions,
    /// The abilities beyond a version.
    pub features: Features,
}

impl Capabilities {
    /// What this program speaks.
    pub const CURRENT: Self = Self {
        versions: Versions::CURRENT,
        features: Features::CURRENT,
    };

    /// The version and the features that both sides use: the newest common version, and the common features.
    pub(super) fn agree(self, other: Self) -> Result<(u16, Features), VersionMismatch> {
        let version = self.versions.common(other.versions);
        let version = version.ok_or(VersionMismatch {
            own: self.versions,
            other: Some(other.versions),
        })?;
        Ok((version, self.features.common(other.features)))
    }
}

/// Two programs have no version in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct VersionMismatch {
    /// The versions of this program.
    pub own: Versions,
    /// The versions of the other side, or `None` for a side before version 3, which does not say them.
    pub other: Option<Versions>,
}

impl fmt::Display for VersionMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { own, other } = self;
        let is_newer = other.is_some_and(|other| other.oldest > own.newest);
        let upgrade = if is_newer {
            "this program"
        } else {
            "the program on the other side"
        };
        f.write_str("the other side speaks protocol ")?;
        match other {
            Some(other) => write!(f, "{other}")?,
            None => write!(f, "version {} or older", FIRST_NEGOTIATED_VERSION - 1)?,
        }
        write!(f, " and this program {own}; upgrade {upgrade}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(oldest: u16, newest: u16) -> Versions {
        Versions::new(oldest, newest).unwrap()
    }

    #[test]
    fn the_newest_common_version_is_used() {
        for (a, b, common) in [
            (versions(3, 3), versions(3, 3), Some(3)),
            (versions(3, 3), versions(3, 4), Some(3)),
            (versions(3, 4), versions(3, 4), Some(4)),
            (versions(3, 4), versions(4, 5), Some(4)),
            (versions(3, 3), versions(4, 5), None),
            (versions(2, 2), versions(3, 3), None),
        ] {
            assert_eq!(a.common(b), common, "{a}, {b}");
            assert_eq!(b.common(a), common, "{b}, {a}");
        }
        assert_eq!(Versions::new(4, 3), None);
    }

    #[test]
    fn a_mismatch_names_both_versions_and_what_to_upgrade() {
        let own = versions(4, 5);
        for (other, message) in [
            (
                Some(versions(3, 3)),
                "the other side speaks protocol version 3 and this program versions 4 to 5; upgrade the program on the other side",
            ),
            (
                Some(versions(6, 7)),
                "the other side speaks protocol versions 6 to 7 and this program versions 4 to 5; upgrade this program",
            ),
            (
                None,
                "the other side speaks protocol version 2 or older and this program versions 4 to 5; upgrade the program on the other side",
            ),
        ] {
            assert_eq!(VersionMismatch { own, other }.to_string(), message);
        }
    }
}
