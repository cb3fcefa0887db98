//! The socket of one stream.

use std::num::NonZeroU16;

use backroom_protocol::MemberInfo;
use backroom_protocol::segment::StreamId;
use backroom_transport::udp::{Ports, UdpEndpoint};

/// A socket of the peer's address family, and its port. Waits if a range of ports was given and all are in use.
pub(super) async fn bind(
    ports: &Ports,
    stream: StreamId,
    peer: &MemberInfo,
) -> anyhow::Result<(UdpEndpoint, NonZeroU16)> {
    let endpoint = ports.endpoint(stream, peer.address.ip()).await?;
    let port = endpoint.local_addr()?.port().try_into()?;
    Ok((endpoint, port))
}
