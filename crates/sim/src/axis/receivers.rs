//! The receivers of a file, and how they are reached.

use backroom_vocabulary::{Cast, Delivery};
use strum::VariantNames;

use super::Axis;
use super::definition::{Definition, name, whole};
use crate::cell::Cell;

/// The maximum number of receivers of one transfer.
const MAX_RECEIVERS: u16 = 64;

impl Axis {
    /// Who receives.
    pub const CAST: Self = Self(&Definition {
        key: "cast",
        description: "who receives: unicast, multicast, broadcast or blockcast",
        example: "blockcast",
        default: Some("unicast"),
        words: Cast::VARIANTS,
        set: |cell, text| name(text).map(|cast| cell.cast = cast),
        setting: |cell| cell.cast.to_string(),
        phrase: |cell| cell.cast.to_string(),
        ..Definition::PLAIN
    });

    /// How several receivers are reached.
    pub const DELIVERY: Self = Self(&Definition {
        key: "delivery",
        description: "how several receivers are reached: sequential, parallel or ip-multicast",
        example: "ip-multicast",
        default: Some("parallel"),
        words: Delivery::VARIANTS,
        set: |cell, text| name(text).map(|delivery| cell.delivery = delivery),
        setting: |cell| cell.delivery.to_string(),
        phrase: |cell| match cell.delivery {
            Delivery::IpMulticast => "IP multicast".to_owned(),
            delivery => delivery.to_string(),
        },
        is_mentioned: |cell| cell.receivers > 1,
        // With one receiver all deliveries are the same.
        applicable: |cell, mut values| {
            if cell.cast == Cast::Unicast {
                values.truncate(1);
            }
            values
        },
        ..Definition::PLAIN
    });

    /// Number of receivers.
    pub const RECEIVERS: Self = Self(&Definition {
        key: "receivers",
        description: "number of receivers; by default those of a room of four",
        example: "5",
        set: |cell, text| whole(text, 1, MAX_RECEIVERS).map(|receivers| cell.receivers = receivers),
        setting: |cell| cell.receivers.to_string(),
        phrase: |cell| match cell.receivers {
            1 => "1 receiver".to_owned(),
            count => format!("{count} receivers"),
        },
        applicable: applicable_receivers,
        ..Definition::PLAIN
    });
}

/// Unicast has one receiver. Without values the room has four members: multicast reaches two of them, broadcast three.
fn applicable_receivers<'a>(cell: &Cell, values: Vec<&'a str>) -> Vec<&'a str> {
    match cell.cast {
        Cast::Unicast => vec!["1"],
        Cast::Multicast | Cast::Blockcast if values.is_empty() => vec!["2"],
        Cast::Broadcast if values.is_empty() => vec!["3"],
        Cast::Multicast | Cast::Broadcast | Cast::Blockcast => values,
    }
}
