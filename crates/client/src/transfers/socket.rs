//! The socket of one stream.

use std::num::NonZeroU16;

use backroom_protocol::MemberInfo;
use backroom_protocol::segment::StreamId;
use backroom_transport::udp::{PortUse, Ports, UdpEndpoint};

/// A socket of the peer's address family, and its port. Waits if a range of ports was given and all are in use.
pub(super) async fn bind(
    ports: &Ports,
    stream: StreamId,
    peer: &MemberInfo,
    port_use: PortUse,
) -> anyhow::Result<(UdpEndpoint, NonZeroU16)> {
    let endpoint = ports.endpoint(stream, peer.address.ip(), port_use).await?;
    let port = endpoint.local_addr()?.port().try_into()?;
    Ok((endpoint, port))
}
