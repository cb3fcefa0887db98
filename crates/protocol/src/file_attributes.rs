//! What is kept of a file besides its name and its contents: permissions and modification time.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an offer says of a file besides its name and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileAttributes {
    /// Who may read, write and execute the sender's file.
    pub permissions: Permissions,
    /// When the sender's file was last changed.
    pub modified: ModifiedTime,
}

/// The permission bits of a file: read, write and execute for its owner, its group and others. Set-user-ID, set-group-ID and
/// the sticky bit do not travel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16")]
pub struct Permissions(u16);

impl Permissions {
    const MASK: u16 = 0o777;

    /// The permission bits of a file mode. Its other bits are left out.
    pub const fn of_mode(mode: u32) -> Self {
        Self((mode & Self::MASK as u32) as u16)
    }

    /// The bits as a file mode, 0 to 0o777.
    pub const fn mode(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Permissions {
    type Error = FileAttributesError;

    fn try_from(mode: u16) -> Result<Self, FileAttributesError> {
        if mode <= Self::MASK {
            Ok(Self(mode))
        } else {
            Err(FileAttributesError::Permissions)
        }
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permissions(0o{:03o})", self.0)
    }
}

/// When a file was last changed: seconds since 1970-01-01 00:00 UTC, which may be negative, and nanoseconds from there on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "(i64, u32)")]
pub struct ModifiedTime {
    seconds: i64,
    nanoseconds: u32,
}

impl ModifiedTime {
    /// The first second: 1901-12-13, the least that a file system with 32 bits can store.
    const MIN_SECONDS: i64 = -(1 << 31);

    /// The last second of the year 9999.
    const MAX_SECONDS: i64 = 253_402_300_799;

    const MAX_NANOSECONDS: u32 = 999_999_999;

    /// The nearest time from 1901 to 9999.
    pub fn nearest(seconds: i64, nanoseconds: u32) -> Self {
        Self {
            seconds: seconds.clamp(Self::MIN_SECONDS, Self::MAX_SECONDS),
            nanoseconds: nanoseconds.min(Self::MAX_NANOSECONDS),
        }
    }

    /// Seconds since 1970-01-01 00:00 UTC.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds since that second, less than 10^9.
    pub const fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }
}

impl TryFrom<(i64, u32)> for ModifiedTime {
    type Error = FileAttributesError;

    fn try_from((seconds, nanoseconds): (i64, u32)) -> Result<Self, FileAttributesError> {
        let time = Self::nearest(seconds, nanoseconds);
        if (time.seconds, time.nanoseconds) == (seconds, nanoseconds) {
            Ok(time)
        } else {
            Err(FileAttributesError::ModifiedTime)
        }
    }
}

/// An attribute is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileAttributesError {
    /// There are other bits than the nine permission bits.
    #[error("the permissions of a file are 0 to 0o777")]
    Permissions,
    /// The time is before 1901 or after 9999, or has more nanoseconds than a second.
    #[error("the modification time of a file must be in the years 1901 to 9999")]
    ModifiedTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_bits_neither_leave_nor_arrive() {
        assert_eq!(Permissions::of_mode(0o104_755).mode(), 0o755);
        assert_eq!(Permissions::of_mode(0o100_600).mode(), 0o600);
        assert_eq!(Permissions::try_from(0o777).unwrap().mode(), 0o777);
        for mode in [0o1000, 0o4755, u16::MAX] {
            assert_eq!(
                Permissions::try_from(mode),
                Err(FileAttributesError::Permissions)
            );
        }
    }

    #[test]
    fn a_time_out_of_range_is_moved_into_it_by_a_sender_and_refused_by_a_receiver() {
        for time in [(-1, 999_999_999), (0, 0), (253_402_300_799, 999_999_999)] {
            let accepted = ModifiedTime::try_from(time).unwrap();
            assert_eq!(accepted, ModifiedTime::nearest(time.0, time.1));
            assert_eq!((accepted.seconds(), accepted.nanoseconds()), time);
        }
        for (seconds, nanoseconds) in [
            (i64::MIN, 0),
            (253_402_300_800, 0),
            (i64::MAX, 0),
            (0, 1_000_000_000),
        ] {
            let moved = ModifiedTime::nearest(seconds, nanoseconds);
            let moved = (moved.seconds(), moved.nanoseconds());
            assert!(ModifiedTime::try_from(moved).is_ok());
            assert_eq!(
                ModifiedTime::try_from((seconds, nanoseconds)),
                Err(FileAttributesError::ModifiedTime)
            );
        }
    }
}
