//! The four ways to address a message or a file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantNames};

use crate::name::ParseNameError;

/// How a message or a file is addressed.
// The order is part of the room's protocol: on the wire a cast is its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[derive(JsonSchema, Display, EnumString, VariantNames)]
#[strum(
    serialize_all = "lowercase",
    parse_err_ty = ParseNameError,
    parse_err_fn = ParseNameError::of::<Self>
)]
pub enum Cast {
    /// To one member.
    Unicast,
    /// To the members listed.
    Multicast,
    /// To everyone but the sender.
    Broadcast,
    /// To everyone but the sender and the members listed.
    Blockcast,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cast_reads_back_as_it_is_written() {
        for name in Cast::VARIANTS {
            let cast: Cast = name.parse().unwrap();
            assert_eq!(cast.to_string(), *name);
            let json = serde_json::to_string(&cast).unwrap();
            assert_eq!(json, format!("\"{cast}\""));
        }
        assert_eq!(format!("{:>10}", Cast::Unicast), "   unicast");
    }

    #[test]
    fn a_wrong_name_lists_the_right_ones() {
        let error = "Unicast".parse::<Cast>().unwrap_err().to_string();
        assert_eq!(error, "one of unicast, multicast, broadcast, blockcast");
    }
}
