//! Sockets for IP multicast: one that sends to groups, and one that hears a group.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use socket2::{Domain, Protocol, Socket, Type};

use super::{UdpEndpoint, UdpOptions};

/// Datagrams to a group stay on the network they are sent to.
const TIME_TO_LIVE: u32 = 1;

impl UdpEndpoint {
    /// A socket whose datagrams to groups leave by the interface that has the address `interface`, and are heard by
    /// members on this machine, too. What it hears is what is sent to itself.
    ///
    /// # Errors
    /// Those of the system. Must be called within a tokio runtime.
    pub fn bind_for_groups(interface: Ipv4Addr, options: UdpOptions) -> io::Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let endpoint = Self::bind(any, options)?;
        let socket = socket2::SockRef::from(&endpoint.socket);
        socket.set_multicast_if_v4(&interface)?;
        socket.set_multicast_ttl_v4(TIME_TO_LIVE)?;
        socket.set_multicast_loop_v4(true)?;
        Ok(endpoint)
    }

    /// A socket that hears what comes to `group` by the interface that has the address `interface`, as long as it
    /// lives. Other members on this machine may hear the same.
    ///
    /// # Errors
    /// Those of the system, such as a port that another program has for itself. Must be called within a tokio runtime.
    pub fn join_group(
        group: SocketAddrV4,
        interface: Ipv4Addr,
        options: UdpOptions,
    ) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::IPV4,
            Type::DGRAM.cloexec().nonblocking(),
            Some(Protocol::UDP),
        )?;
        socket.set_reuse_address(true)?;
        // Bound to the group's address it hears nothing that is sent elsewhere, and can't be sent from.
        Self::set_up(socket, SocketAddr::V4(group), options, |socket| {
            socket.set_multicast_all_v4(false)?;
            socket.join_multicast_v4(group.ip(), &interface)
        })
    }
}
