//! Conversions between an ACK on the wire and an ACK of the state machines.

use backroom_gbn::Ack;
use backroom_protocol::segment;

pub(super) fn to_wire(ack: Ack) -> segment::Ack {
    let Ack {
        cumulative,
        accepted_round,
        gap_round,
        free_segments,
    } = ack;
    segment::Ack {
        cumulative,
        accepted_round,
        gap_round,
        free_segments,
    }
}

pub(super) fn from_wire(ack: segment::Ack) -> Ack {
    let segment::Ack {
        cumulative,
        accepted_round,
        gap_round,
        free_segments,
    } = ack;
    Ack {
        cumulative,
        accepted_round,
        gap_round,
        free_segments,
    }
}
