//! IP multicast: sending to groups, and a socket that receives from a group.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use socket2::SockRef;

use super::endpoint::{UdpEndpoint, UdpOptions};

/// Multicast datagrams must not leave the local network.
const TIME_TO_LIVE: u32 = 1;

impl UdpEndpoint {
    /// Lets the socket send to groups through the interface with the address `interface`. Members on this machine receive the
    /// datagrams too. The socket itself receives only what is sent to its own address.
    pub(super) fn send_to_groups_through(&self, interface: Ipv4Addr) -> io::Result<()> {
        let socket = SockRef::from(&self.socket.socket);
        socket.set_multicast_if_v4(&interface)?;
        socket.set_multicast_ttl_v4(TIME_TO_LIVE)?;
        socket.set_multicast_loop_v4(true)
    }

    /// A socket that receives what is sent to `group` through the interface with the address `interface`, until it is
    /// dropped. Several members on one machine may join the same group.
    ///
    /// # Errors
    /// The system's error, for example that another program uses the port exclusively.
    pub fn join_group(
        group: SocketAddrV4,
        interface: Ipv4Addr,
        options: UdpOptions,
    ) -> io::Result<Self> {
        // Binding to the group's address excludes datagrams sent to the same port of this host.
        let endpoint = Self::open(SocketAddr::V4(group), options, true)?;
        let socket = SockRef::from(&endpoint.socket.socket);
        socket.set_multicast_all_v4(false)?;
        socket.join_multicast_v4(group.ip(), &interface)?;
        Ok(endpoint)
    }
}
