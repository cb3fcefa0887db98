//! What the two state machines tell each other.

use crate::config::Copies;

/// A run of consecutive segments to send now, all in the same round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transmit {
    /// The first segment's sequence number.
    pub first: u64,
    /// How many segments, at least 1.
    pub count: usize,
    /// The round they carry.
    pub round: u16,
    /// Whether they have been sent before: a run never mixes new segments with others.
    pub retransmission: bool,
    /// How many times each segment is to be sent, one right after the other.
    pub copies: Copies,
}

impl Transmit {
    /// The sequence numbers of the run.
    pub fn segments(&self) -> std::ops::Range<u64> {
        self.first..self.first + self.count as u64
    }

    /// The sequence numbers of the datagrams in the order in which they have to go: all copies of a segment before the
    /// next segment. Copies of the whole run one after the other would show the receiver gaps where nothing is lost.
    pub fn datagrams(&self) -> impl Iterator<Item = u64> + use<> {
        let copies = self.copies.count().into();
        self.segments()
            .flat_map(move |seq| std::iter::repeat_n(seq, copies))
    }
}

/// A cumulative acknowledgement with what the receiver knows of rounds and of its free space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ack {
    /// The next segment expected: all below were delivered.
    pub cumulative: u64,
    /// The round in which segment `cumulative - 1` was accepted, 0 where nothing was. It tells the sender which of
    /// several transmissions this answers, so that each may be timed (RFC 6298 section 3 allows what is unambiguous).
    pub accepted_round: u16,
    /// The round of a segment beyond `cumulative` that arrived, and was dropped, since the last ACK.
    pub gap_round: Option<u16>,
    /// How many segments from `cumulative` on the receiver has space for.
    pub free_segments: u32,
}

impl Ack {
    /// The first segment the receiver has no space for.
    pub fn space_end(&self) -> u64 {
        self.cumulative.saturating_add(self.free_segments.into())
    }
}
