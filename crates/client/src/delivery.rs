//! How the receivers of a file are served.

use std::fmt;
use std::str::FromStr;

/// How a file goes to several receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// Two or more who hear it by [`Delivery::IpMulticast`], the others as in [`Delivery::Parallel`].
    #[default]
    Auto,
    /// One stream for all who hear it, with one window; the others as in [`Delivery::Parallel`].
    IpMulticast,
    /// All at once, each by a stream and so a window of its own: as long as the slowest takes.
    Parallel,
    /// One after another: as long as all of them together. For comparison.
    Sequential,
}

impl Delivery {
    /// With how many receivers a stream to a group is tried; none where it never is.
    pub(crate) fn least_group(self) -> Option<usize> {
        match self {
            Self::Auto => Some(2),
            Self::IpMulticast => Some(1),
            Self::Parallel | Self::Sequential => None,
        }
    }
}

/// Not a delivery.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a delivery is `auto`, `ip-multicast`, `parallel` or `sequential`")]
pub struct UnknownDelivery;

impl FromStr for Delivery {
    type Err = UnknownDelivery;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "ip-multicast" => Ok(Self::IpMulticast),
            "parallel" => Ok(Self::Parallel),
            "sequential" => Ok(Self::Sequential),
            _ => Err(UnknownDelivery),
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::IpMulticast => "ip-multicast",
            Self::Parallel => "parallel",
            Self::Sequential => "sequential",
        })
    }
}
