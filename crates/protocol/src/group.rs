//! IP multicast groups. The sender of a file chooses the group, so a receiver checks the address before it joins.

use std::fmt;
use std::net::SocketAddrV4;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use crate::key::{Key, RandomError, random_bytes};

/// The first of the dynamic ports, which are not assigned to any service (RFC 6335, 6).
const FIRST_DYNAMIC_PORT: u16 = 49_152;

/// An administratively scoped multicast address: 239.0.0.0/8 (RFC 2365). Routers do not forward it beyond the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "[u8; 4]")]
pub struct GroupAddress([u8; 4]);

/// The address is not in 239.0.0.0/8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the multicast address is not in 239.0.0.0/8")]
pub struct BadGroupAddress;

impl TryFrom<[u8; 4]> for GroupAddress {
    type Error = BadGroupAddress;

    fn try_from(octets: [u8; 4]) -> Result<Self, BadGroupAddress> {
        if octets[0] == 239 {
            Ok(Self(octets))
        } else {
            Err(BadGroupAddress)
        }
    }
}

/// The multicast destination of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Group {
    /// The multicast address.
    pub address: GroupAddress,
    /// The destination port.
    pub port: NonZeroU16,
}

impl Group {
    /// Chooses one of 2^30 destinations in the IPv4 local scope (RFC 2365, 6.1) at random, so that transfers rarely share
    /// one. If two do, each drops the other's datagrams.
    pub fn generate() -> Result<Self, RandomError> {
        let [high, low, port_high, port_low] = random_bytes()?;
        // RFC 2365, 9, reserves 239.255.255.0/24 for scope-relative assignments.
        let high = if high == 255 { 0 } else { high };
        let port = u16::from_be_bytes([port_high, port_low]) | FIRST_DYNAMIC_PORT;
        Ok(Self {
            address: GroupAddress([239, 255, high, low]),
            port: NonZeroU16::MIN.saturating_add(port - 1),
        })
    }

    /// The address to send to.
    pub fn socket_address(self) -> SocketAddrV4 {
        SocketAddrV4::new(self.address.0.into(), self.port.get())
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket_address().fmt(f)
    }
}

/// What a receiver needs to know about a stream to a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupOffer {
    /// The destination of the stream's datagrams.
    pub group: Group,
    /// The key of the stream's segments. All receivers share it.
    pub stream_key: Key,
    /// A receiver without a gap acknowledges after at most this many segments.
    pub ack_every: NonZeroU16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_administratively_scoped_addresses_are_accepted() {
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
    fn a_generated_group_is_local_with_a_dynamic_port() {
        for _ in 0..1_000 {
            let address = Group::generate().unwrap().socket_address();
            let [first, second, third, _] = address.ip().octets();
            assert_eq!((first, second), (239, 255));
            assert_ne!(third, 255);
            assert!(address.port() >= FIRST_DYNAMIC_PORT);
        }
    }
}
