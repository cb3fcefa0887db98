//! Whether segments fit the network to a receiver.

use std::net::SocketAddr;

use backroom_protocol::segment::SegmentBytes;

use super::result::SendError;
use crate::udp::Route;

/// Fails if a full segment does not fit one packet: the kernel would refuse each of them.
pub(super) fn check_route(
    receiver: SocketAddr,
    segment_bytes: SegmentBytes,
) -> Result<(), SendError> {
    let route = Route::to(receiver).map_err(|error| SendError::NoRoute(receiver, error))?;
    let excess_bytes = segment_bytes
        .datagram_bytes()
        .saturating_sub(route.max_datagram_bytes());
    if excess_bytes > 0 {
        return Err(SendError::SegmentTooLarge {
            segment_bytes,
            max_segment_bytes: usize::from(segment_bytes.value()).saturating_sub(excess_bytes),
            receiver,
        });
    }
    Ok(())
}
