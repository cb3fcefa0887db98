//! The group's stream as one receiver sees it, until a stream to this receiver alone begins.

use std::num::NonZeroU16;

use backroom_protocol::Key;
use backroom_protocol::segment::{
    AckSealer, GROUP_LANE, ProbeOpener, SegmentBytes, SegmentOpener, StreamId,
};

use super::ack_pace::AckPace;
use super::pieces::BUFFERS;
use crate::udp::{ReceiveBuffers, UdpEndpoint};

/// The group that a file's segments come from first.
#[derive(Debug)]
pub struct GroupMembership {
    /// A socket that has joined the group.
    pub endpoint: UdpEndpoint,
    /// The key that the group's segments are sealed with.
    pub stream_key: Key,
    /// Acknowledge after at most this many segments.
    pub ack_every: NonZeroU16,
}

pub(super) struct GroupLane {
    pub(super) endpoint: UdpEndpoint,
    pub(super) stream: StreamId,
    pub(super) opener: SegmentOpener,
    pub(super) probes: ProbeOpener,
    pub(super) acks: AckSealer,
    pub(super) pace: AckPace,
    pub(super) buffers: ReceiveBuffers,
}

impl GroupLane {
    pub(super) fn new(
        membership: GroupMembership,
        own: StreamId,
        receiver: u16,
        ack_key: &Key,
        segment_bytes: SegmentBytes,
    ) -> Self {
        let (endpoint, stream_key) = (membership.endpoint, membership.stream_key);
        let stream = StreamId {
            lane: GROUP_LANE,
            ..own
        };
        let datagram_bytes = segment_bytes.datagram_bytes();
        Self {
            buffers: endpoint.receive_buffers(datagram_bytes, BUFFERS),
            endpoint,
            stream,
            opener: SegmentOpener::new(stream, &stream_key),
            probes: ProbeOpener::new(stream, &stream_key),
            acks: AckSealer::new(stream, receiver, ack_key),
            pace: AckPace::new(membership.ack_every),
        }
    }
}
