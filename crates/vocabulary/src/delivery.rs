//! How a file reaches its receivers: as asked for, and as it turned out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantNames};

use crate::name::ParseNameError;

/// One way to serve all receivers of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[derive(JsonSchema, Display, EnumString, VariantNames)]
#[strum(
    serialize_all = "kebab-case",
    parse_err_ty = ParseNameError,
    parse_err_fn = ParseNameError::of::<Self>
)]
pub enum Delivery {
    /// One stream after another.
    Sequential,
    /// One stream for each receiver, all at once, sharing the sender's link.
    Parallel,
    /// One stream for all receivers.
    IpMulticast,
}

/// The delivery that a client is asked for: a [`Delivery`], or the client's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[derive(Display, EnumString, VariantNames)]
#[strum(
    serialize_all = "kebab-case",
    parse_err_ty = ParseNameError,
    parse_err_fn = ParseNameError::of::<Self>
)]
pub enum DeliverySetting {
    /// IP multicast for two or more receivers that it reaches; parallel for the others.
    #[default]
    Auto,
    /// IP multicast for all receivers that it reaches, even a single one; parallel for the others.
    IpMulticast,
    /// As [`Delivery::Parallel`].
    Parallel,
    /// As [`Delivery::Sequential`].
    Sequential,
}

impl DeliverySetting {
    /// The least number of receivers for which a stream to a group is tried; `None` if it is never tried.
    pub fn least_group(self) -> Option<usize> {
        match self {
            Self::Auto => Some(2),
            Self::IpMulticast => Some(1),
            Self::Parallel | Self::Sequential => None,
        }
    }
}

/// How a whole file was delivered in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ObservedDelivery {
    /// As [`Delivery::IpMulticast`].
    IpMulticast,
    /// As [`Delivery::Parallel`].
    Parallel,
    /// As [`Delivery::Sequential`].
    Sequential,
    /// Some receivers by IP multicast and others, or the same ones later, by a stream of their own.
    Mixed,
}

/// The streams by which one receiver got a file's segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum DeliveryPath {
    /// A stream of its own.
    Unicast,
    /// The stream to the group.
    IpMulticast,
    /// First the stream to the group, then one of its own.
    Moved,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_the_same_word_as_the_setting_that_asks_for_it() {
        for name in Delivery::VARIANTS {
            let setting: DeliverySetting = name.parse().unwrap();
            assert_eq!(setting.to_string(), *name);
            let json = serde_json::to_string(&setting).unwrap();
            let observed: ObservedDelivery = serde_json::from_str(&json).unwrap();
            assert_eq!(observed.to_string(), *name);
        }
    }

    #[test]
    fn a_wrong_name_lists_the_right_ones() {
        let error = "auto".parse::<Delivery>().unwrap_err().to_string();
        assert_eq!(error, "one of sequential, parallel, ip-multicast");
        let error = "none".parse::<DeliverySetting>().unwrap_err().to_string();
        assert_eq!(error, "one of auto, ip-multicast, parallel, sequential");
    }
}
