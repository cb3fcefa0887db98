//! The messages between the two state machines.

use crate::config::Copies;

/// A run of consecutive segments to send now, all in the same round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transmit {
    /// The sequence number of the first segment.
    pub first: u64,
    /// The number of segments, at least 1.
    pub count: usize,
    /// The round that every segment of the run carries.
    pub round: u16,
    /// Whether the segments have been sent before. A run never mixes new segments with retransmissions.
    pub retransmission: bool,
    /// How many times to send each segment; see [`Self::datagrams`] for the order.
    pub copies: Copies,
}

impl Transmit {
    /// The sequence numbers of the run, each once.
    pub fn segments(&self) -> std::ops::Range<u64> {
        self.first..self.first + self.count as u64
    }

    /// The sequence numbers of the datagrams in sending order: all copies of a segment before the next segment. Sending
    /// the whole run several times instead would show the receiver gaps where nothing is lost.
    pub fn datagrams(&self) -> impl Iterator<Item = u64> + use<> {
        let copies = self.copies.count().into();
        self.segments()
            .flat_map(move |seq| std::iter::repeat_n(seq, copies))
    }
}

/// A cumulative acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ack {
    /// The next segment expected: all segments below it were delivered.
    pub cumulative: u64,
    /// The round in which segment `cumulative - 1` last arrived, or 0 if no segment was accepted. It identifies the transmission
    /// that this ACK answers, so the sender can time retransmissions too: RFC 6298 section 3 excludes only ambiguous ACKs.
    pub accepted_round: u16,
    /// The round of a segment beyond `cumulative` that arrived, and was dropped, since the last ACK.
    pub gap_round: Option<u16>,
    /// The receive window: the number of segments, from `cumulative` on, that the receiver has space for.
    pub free_segments: u32,
}

impl Ack {
    /// The first segment that the receiver has no space for.
    pub fn space_end(&self) -> u64 {
        self.cumulative.saturating_add(self.free_segments.into())
    }
}
