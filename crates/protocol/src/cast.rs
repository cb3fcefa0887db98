//! The four ways to address a message or a file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a message or file was addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cast {
    /// To one member.
    Unicast,
    /// To the members listed.
    Multicast,
    /// To everyone.
    Broadcast,
    /// To everyone but the members listed.
    Blockcast,
}

impl Cast {
    /// All four, in the order of the report.
    pub const ALL: [Self; 4] = [
        Self::Unicast,
        Self::Multicast,
        Self::Broadcast,
        Self::Blockcast,
    ];

    /// The name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Blockcast => "blockcast",
        }
    }
}

impl fmt::Display for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Cast {
    type Err = UnknownCast;

    fn from_str(text: &str) -> Result<Self, UnknownCast> {
        Self::ALL
            .into_iter()
            .find(|cast| cast.as_str() == text)
            .ok_or(UnknownCast)
    }
}

/// No cast of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cast is unicast, multicast, broadcast or blockcast")]
pub struct UnknownCast;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_are_written_in_lower_case() {
        for cast in Cast::ALL {
            assert_eq!(cast.to_string().parse(), Ok(cast));
        }
        assert_eq!(Cast::Blockcast.to_string(), "blockcast");
        assert_eq!("Unicast".parse::<Cast>(), Err(UnknownCast));
    }
}
