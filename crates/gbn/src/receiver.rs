//! The receiver: takes segments in order, drops the others, acknowledges cumulatively.

use crate::{ack::Ack, round};

/// What became of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Received {
    /// The one expected: the caller takes its bytes.
    Deliver,
    /// Delivered before: the caller drops it, and the ACK is repeated.
    Duplicate,
    /// Delivered before, and sent in the round of the last one delivered: one more copy of what has its ACK already, by
    /// the sender's will or by the network's. The caller drops it. It shows no loss and no going back, so nobody need
    /// hear of it soon.
    Copy,
    /// Beyond the one expected: the caller drops it, and the ACK shows the gap.
    OutOfOrder,
    /// The one expected, but there is no space for it: the caller drops it. The sender asks again.
    NoSpace,
}

/// What a [`Receiver`] has counted, in segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiverStats {
    /// Delivered in order.
    pub delivered: u64,
    /// Dropped because they had been delivered before, copies among them.
    pub duplicates: u64,
    /// Dropped because one before them was missing.
    pub out_of_order: u64,
    /// Dropped because there was no space.
    pub no_space: u64,
    /// ACKs made.
    pub acks: u64,
}

/// The receiving end of one stream (Kurose & Ross 3.4.3).
///
/// It keeps no segment: what is out of order is dropped, and that makes it Go-Back-N. The caller feeds any number of
/// segments to [`handle_segment`](Self::handle_segment) and then sends the ACK of
/// [`poll_transmit`](Self::poll_transmit), which covers them all.
#[derive(Debug, Clone)]
pub struct Receiver {
    expected_seq_num: u64,
    /// The end of what has arrived on this stream: a sender that started behind `expected_seq_num` may not have sent all
    /// that is here, and takes no ACK for what it did not send.
    arrived_end: u64,
    /// The round of the last one delivered on this stream.
    accepted_round: Option<u16>,
    free_segments: u32,
    /// The newest segment dropped out of order since the last ACK.
    gap: Option<Gap>,
    ack_due: bool,
    /// What the last ACK said.
    advertised_free: u32,
    stats: ReceiverStats,
}

#[derive(Debug, Clone, Copy)]
struct Gap {
    seq: u64,
    round: u16,
}

impl Receiver {
    /// A receiver with space for `free_segments`, expecting segment 0.
    pub fn new(free_segments: u32) -> Self {
        Self::starting_at(0, free_segments)
    }

    /// A receiver that has what comes before `expected_seq_num` from another stream.
    pub fn starting_at(expected_seq_num: u64, free_segments: u32) -> Self {
        Self {
            expected_seq_num,
            arrived_end: expected_seq_num,
            accepted_round: None,
            free_segments,
            gap: None,
            ack_due: false,
            advertised_free: free_segments,
            stats: ReceiverStats::default(),
        }
    }

    /// Takes note of a segment that arrived. [`Received::Deliver`] uses up one segment of the free space.
    pub fn handle_segment(&mut self, seq: u64, round: u16) -> Received {
        self.ack_due = true;
        self.arrived_end = self.arrived_end.max(seq.saturating_add(1));
        if seq < self.expected_seq_num {
            self.stats.duplicates += 1;
            if self.accepted_round == Some(round) {
                Received::Copy
            } else {
                Received::Duplicate
            }
        } else if seq > self.expected_seq_num {
            self.stats.out_of_order += 1;
            self.note_gap(Gap { seq, round });
            Received::OutOfOrder
        } else if self.free_segments == 0 {
            self.stats.no_space += 1;
            Received::NoSpace
        } else {
            self.stats.delivered += 1;
            self.expected_seq_num += 1;
            self.accepted_round = Some(round);
            self.free_segments -= 1;
            Received::Deliver
        }
    }

    /// Goes on with another stream, from a sender that starts at a segment it knows to be needed or earlier. What the
    /// old stream still brings must not be handed in any more.
    pub fn change_stream(&mut self) {
        self.arrived_end = 0;
        self.accepted_round = None;
        self.gap = None;
        self.ack_due = false;
    }

    /// Sets the space there is now, in segments, beyond those delivered.
    ///
    /// An ACK is due where the last one said that there was none. Space that was promised should not be taken back.
    pub fn set_free_segments(&mut self, free_segments: u32) {
        self.free_segments = free_segments;
        self.ack_due |= self.advertised_free == 0 && free_segments > 0;
    }

    /// The ACK that is due, if any. It covers all that arrived since the last.
    ///
    /// An ACK always answers an arrival, or tells of new space after there was none; it is never repeated for its own
    /// sake. The sender draws conclusions from that.
    pub fn poll_transmit(&mut self) -> Option<Ack> {
        if !self.ack_due {
            return None;
        }
        self.ack_due = false;
        self.advertised_free = self.free_segments;
        self.stats.acks += 1;
        let gap = self
            .gap
            .take()
            .filter(|gap| gap.seq >= self.expected_seq_num);
        let cumulative = self.expected_seq_num.min(self.arrived_end);
        let beyond = u32::try_from(self.expected_seq_num - cumulative).unwrap_or(u32::MAX);
        Some(Ack {
            cumulative,
            accepted_round: self.accepted_round.unwrap_or(0),
            gap_round: gap.map(|gap| gap.round),
            free_segments: self.free_segments.saturating_add(beyond),
        })
    }

    /// The next segment that will be delivered: all below were.
    pub fn expected_seq_num(&self) -> u64 {
        self.expected_seq_num
    }

    /// The space left, in segments.
    pub fn free_segments(&self) -> u32 {
        self.free_segments
    }

    /// What has been counted.
    pub fn stats(&self) -> &ReceiverStats {
        &self.stats
    }

    /// Keeps the report that says most: the newest round, and in it the farthest segment.
    fn note_gap(&mut self, new: Gap) {
        let keeps_old = self.gap.is_some_and(|old| {
            let same_round = old.round == new.round;
            !round::is_not_after(old.round, new.round) || (same_round && old.seq > new.seq)
        });
        if !keeps_old {
            self.gap = Some(new);
        }
    }
}
