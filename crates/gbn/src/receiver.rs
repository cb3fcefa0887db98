//! The receiver: accepts segments in order, drops all others, and acknowledges cumulatively.

use crate::{ack::Ack, round};

/// The result of [`Receiver::handle_segment`]. The caller drops the segment unless it is [`Deliver`](Self::Deliver).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Received {
    /// The expected segment: the caller takes its bytes.
    Deliver,
    /// Delivered before, in an earlier round. The next ACK repeats the acknowledgement.
    Duplicate,
    /// Delivered before, in the round of the last delivered segment: another copy, made by the sender or by the network.
    /// It indicates neither a loss nor a go-back, so its ACK is not urgent.
    Copy,
    /// Beyond the expected segment. The next ACK reports the gap.
    OutOfOrder,
    /// The expected segment, but there is no space for it. The sender probes until there is.
    NoSpace,
}

/// The counters of a [`Receiver`], in segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiverStats {
    /// Segments delivered in order.
    pub delivered: u64,
    /// Segments dropped because they had been delivered before, copies included.
    pub duplicates: u64,
    /// Segments dropped because an earlier one was missing.
    pub out_of_order: u64,
    /// Segments dropped for lack of space.
    pub no_space: u64,
    /// ACKs returned by [`Receiver::poll_transmit`].
    pub acks: u64,
}

/// The receiving end of one stream (Kurose & Ross 3.4.3).
///
/// The receiver buffers no segments: it drops whatever is out of order, which is what makes the protocol Go-Back-N. The
/// caller passes any number of segments to [`handle_segment`](Self::handle_segment), then sends the ACK that
/// [`poll_transmit`](Self::poll_transmit) returns. It covers all of them.
#[derive(Debug, Clone)]
pub struct Receiver {
    expected_seq_num: u64,
    /// The highest segment seen on this stream + 1. After a change of streams it may be below `expected_seq_num`: the new
    /// sender has not yet sent all that was delivered before, and refuses ACKs for segments that it did not send.
    arrived_end: u64,
    /// The round in which the last segment delivered on this stream last arrived: delivered, or as a duplicate that an ACK
    /// answers.
    accepted_round: Option<u16>,
    free_segments: u32,
    /// The newest segment dropped out of order since the last ACK.
    gap: Option<Gap>,
    ack_due: bool,
    /// The `free_segments` of the last ACK.
    advertised_free: u32,
    stats: ReceiverStats,
}

#[derive(Debug, Clone, Copy)]
struct Gap {
    seq: u64,
    round: u16,
}

impl Receiver {
    /// Creates a receiver that expects segment 0 and has space for `free_segments`.
    pub fn new(free_segments: u32) -> Self {
        Self {
            expected_seq_num: 0,
            arrived_end: 0,
            accepted_round: None,
            free_segments,
            gap: None,
            ack_due: false,
            advertised_free: free_segments,
            stats: ReceiverStats::default(),
        }
    }

    /// Handles a segment that arrived. [`Received::Deliver`] uses up one segment of the free space.
    pub fn handle_segment(&mut self, seq: u64, round: u16) -> Received {
        self.ack_due = true;
        self.arrived_end = self.arrived_end.max(seq.saturating_add(1));
        if seq < self.expected_seq_num {
            self.stats.duplicates += 1;
            if self.accepted_round == Some(round) {
                return Received::Copy;
            }
            if seq + 1 == self.expected_seq_num {
                self.record_arrival_again(round);
            }
            Received::Duplicate
        } else if seq > self.expected_seq_num {
            self.stats.out_of_order += 1;
            self.record_gap(Gap { seq, round });
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

    /// Continues with another stream, whose sender starts at or before the expected segment. Segments of the old stream
    /// must not be passed in any more.
    pub fn change_stream(&mut self) {
        self.arrived_end = 0;
        self.accepted_round = None;
        self.gap = None;
        self.ack_due = false;
    }

    /// Sets the free space, in segments beyond those delivered. Do not take back space that an ACK has advertised.
    ///
    /// Makes an ACK due if the last one advertised no space.
    pub fn set_free_segments(&mut self, free_segments: u32) {
        self.free_segments = free_segments;
        self.ack_due |= self.advertised_free == 0 && free_segments > 0;
    }

    /// Returns the ACK that is due, if any. It covers all arrivals since the last one.
    ///
    /// Every ACK answers an arrival or reports space after there was none. An ACK is never sent for another reason: the
    /// sender infers from each one that something arrived.
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
        // A new sender refuses an ACK beyond what it has sent, even if the receiver has more from another stream.
        let cumulative = self.expected_seq_num.min(self.arrived_end);
        let beyond = u32::try_from(self.expected_seq_num - cumulative).unwrap_or(u32::MAX);
        Some(Ack {
            cumulative,
            accepted_round: self.accepted_round.unwrap_or(0),
            gap_round: gap.map(|gap| gap.round),
            free_segments: self.free_segments.saturating_add(beyond),
        })
    }

    /// The next segment to deliver: all segments below it were delivered.
    pub fn expected_seq_num(&self) -> u64 {
        self.expected_seq_num
    }

    /// The remaining free space, in segments.
    pub fn free_segments(&self) -> u32 {
        self.free_segments
    }

    /// The counters so far.
    pub fn stats(&self) -> &ReceiverStats {
        &self.stats
    }

    /// The ACK of a duplicate answers its latest transmission. Only with that round can the sender tell the round trip.
    fn record_arrival_again(&mut self, round: u16) {
        let is_newer = |accepted| !round::is_not_after(round, accepted);
        if self.accepted_round.is_some_and(is_newer) {
            self.accepted_round = Some(round);
        }
    }

    /// Keeps the most informative gap: that of the newest round, and within a round that of the highest segment.
    fn record_gap(&mut self, new: Gap) {
        let keeps_old = self.gap.is_some_and(|old| {
            let same_round = old.round == new.round;
            !round::is_not_after(old.round, new.round) || (same_round && old.seq > new.seq)
        });
        if !keeps_old {
            self.gap = Some(new);
        }
    }
}
