//! Feature bits: abilities beyond what a version of the protocol requires.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of optional abilities, one bit each. What two sides may use is what both have. A program ignores the bits that it
/// does not know, so a later version may define more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Features(u64);

impl Features {
    /// No abilities beyond the version.
    pub const NONE: Self = Self(0);

    /// The abilities of this program. Version 3 defines no bit yet.
    pub const CURRENT: Self = Self::NONE;

    /// The set with these bits. All values are allowed.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits, including those that this program does not know.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The abilities that both sets contain.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of `other` are in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Features({:#x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sides_use_what_both_have() {
        let (ours, theirs) = (Features::from_bits(0b0111), Features::from_bits(0b1101));
        let common = ours.common(theirs);
        assert_eq!(common, Features::from_bits(0b0101));
        assert!(ours.contains(common) && theirs.contains(common));
        assert!(!common.contains(ours));
        assert!(Features::NONE.contains(Features::NONE));
    }
}
