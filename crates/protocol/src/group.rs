//! IP multicast groups that a stream may go to: a sender's choice, and so checked before anything is joined.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use crate::key::{Key, RandomError, random_bytes};

/// Ports that are nobody's by assignment (RFC 6335, 6).
const FIRST_DYNAMIC_PORT: u16 = 49_152;

/// A group that no router passes on beyond the organisation: 239.0.0.0/8, administratively scoped (RFC 2365).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "[u8; 4]", into = "[u8; 4]")]
pub struct GroupAddress(Ipv4Addr);

/// Not a group that a stream may go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a group's address begins with 239")]
pub struct BadGroupAddress;

impl TryFrom<[u8; 4]> for GroupAddress {
    type Error = BadGroupAddress;

    fn try_from(octets: [u8; 4]) -> Result<Self, BadGroupAddress> {
        if octets[0] == 239 {
            Ok(Self(octets.into()))
        } else {
            Err(BadGroupAddress)
        }
    }
}

impl From<GroupAddress> for [u8; 4] {
    fn from(address: GroupAddress) -> Self {
        address.0.octets()
    }
}

/// A group and a port: where the datagrams of one stream go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Group {
    /// The group.
    pub address: GroupAddress,
    /// The port.
    pub port: NonZeroU16,
}

impl Group {
    /// One of 2^30 that are as local as can be (RFC 2365, 6.1), at random, so that transfers don't meet. Where two
    /// do, each drops the other's datagrams.
    pub fn generate() -> Result<Self, RandomError> {
        let [high, low, port_high, port_low] = random_bytes()?;
        // 239.255.255.0/24 is kept for others by RFC 2365, 9.
        let high = if high == 255 { 0 } else { high };
        let port = u16::from_be_bytes([port_high, port_low]) | FIRST_DYNAMIC_PORT;
        Ok(Self {
            address: GroupAddress([239, 255, high, low].into()),
            port: NonZeroU16::MIN.saturating_add(port - 1),
        })
    }

    /// As a destination.
    pub fn socket_address(self) -> SocketAddrV4 {
        SocketAddrV4::new(self.address.0, self.port.get())
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket_address().fmt(f)
    }
}

/// What a receiver needs to know of a stream that goes to a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupOffer {
    /// Where its datagrams go.
    pub group: Group,
    /// The key of its segments, which all receivers have.
    pub stream_key: Key,
    /// After how many segments at the latest a receiver that has no gap acknowledges.
    pub ack_every: NonZeroU16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_administratively_scoped_groups_are_groups() {
        assert!(GroupAddress::try_from([239, 0, 0, 1]).is_ok());
        for octets in [
            [224, 0, 0, 1],
            [192, 168, 1, 1],
            [255, 255, 255, 255],
            [0; 4],
        ] {
            assert_eq!(GroupAddress::try_from(octets), Err(BadGroupAddress));
        }
    }

    #[test]
    fn a_group_is_local_and_its_port_dynamic() {
        for _ in 0..1_000 {
            let address = Group::generate().unwrap().socket_address();
            let [first, second, third, _] = address.ip().octets();
            assert_eq!((first, second), (239, 255));
            assert_ne!(third, 255);
            assert!(address.port() >= FIRST_DYNAMIC_PORT);
        }
    }
}
