//! The socket of one stream.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;

use backroom_protocol::MemberInfo;
use backroom_transport::udp::{UdpEndpoint, UdpOptions};

/// A socket of the peer's address family, and its port.
pub(super) fn bind(
    peer: &MemberInfo,
    options: UdpOptions,
) -> anyhow::Result<(UdpEndpoint, NonZeroU16)> {
    let any: IpAddr = match peer.address.ip().to_canonical() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let endpoint = UdpEndpoint::bind(SocketAddr::new(any, 0), options)?;
    let port = endpoint.local_addr()?.port().try_into()?;
    Ok((endpoint, port))
}
