//! The kernel's route to a peer and its MTU.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::batch::MAX_UDP_PAYLOAD_BYTES;

const IPV4_HEADER_BYTES: usize = 20;
const IPV6_HEADER_BYTES: usize = 40;
const UDP_HEADER_BYTES: usize = 8;

/// The route that the kernel would choose now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The local address datagrams leave from.
    pub local: IpAddr,
    /// The largest IP packet, in bytes, that it takes without fragmenting.
    pub mtu: usize,
}

impl Route {
    /// Looks up the route to `peer` without sending anything.
    ///
    /// # Errors
    /// The system's error, for example that there is no route.
    pub fn to(peer: SocketAddr) -> io::Result<Self> {
        let any: IpAddr = match peer {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        // Connecting a UDP socket only looks up the route.
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(peer)?;
        let mtu = match peer {
            SocketAddr::V4(_) => rustix::net::sockopt::ip_mtu(&socket)?,
            SocketAddr::V6(_) => rustix::net::sockopt::ipv6_mtu(&socket)?,
        };
        Ok(Self {
            local: socket.local_addr()?.ip(),
            mtu: usize::try_from(mtu).unwrap_or(usize::MAX),
        })
    }

    /// The largest UDP payload that fits one packet of this route.
    pub fn max_datagram_bytes(&self) -> usize {
        let ip_header = if self.local.is_ipv4() {
            IPV4_HEADER_BYTES
        } else {
            IPV6_HEADER_BYTES
        };
        self.mtu
            .saturating_sub(ip_header + UDP_HEADER_BYTES)
            .min(MAX_UDP_PAYLOAD_BYTES)
    }
}
