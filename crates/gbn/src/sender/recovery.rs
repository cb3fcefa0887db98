//! Going back, and zero-window probes.

use std::time::Instant;

use super::{
    Probe, Sender,
    events::{GoBackCause, SenderEvent},
    group::ReceiverId,
    stall::FIRST_SHORT_RETRY,
};
use crate::{ack::Ack, config::Recovery, round};

impl Sender {
    /// Goes back to a gap that a receiver reports, once for each loss of its segment (the crate's documentation explains
    /// rounds).
    pub(super) fn handle_gap(&mut self, from: ReceiverId, seq: u64, gap_round: u16) {
        let will_be_sent = seq >= self.cursor;
        if self.config.recovery == Recovery::Timeout || will_be_sent {
            return;
        }
        let overtaken = round::is_not_after(self.sent.round(seq), gap_round);
        // Reports do not trigger more retries than these: the timer spaces out the later ones.
        if overtaken
            && round::is_not_after(gap_round, self.round)
            && self.group.count_gap_go_back(from) <= FIRST_SHORT_RETRY
        {
            self.go_back(seq, GoBackCause::Gap);
        }
    }

    /// Whether an ACK that does not advance the base answers a segment sent before the base: it reports no gap, and so
    /// answers a duplicate, or a gap from an earlier round than the base's.
    ///
    /// The base is then still in flight, perhaps behind several windows in a queue that is longer than any round trip
    /// measured so far. Sending it again would lengthen the queue further, with a fixed timer without end. The timer still
    /// expires if the base is lost, because only a finite number of segments precedes it.
    pub(super) fn answers_segment_before_base(&self, ack: &Ack) -> bool {
        let base = self.base();
        let is_earlier = |gap_round| !round::is_not_after(self.sent.round(base), gap_round);
        ack.cumulative == base && base < self.cursor && ack.gap_round.is_none_or(is_earlier)
    }

    pub(super) fn go_back(&mut self, to: u64, cause: GoBackCause) {
        self.rewind(to);
        if to == self.base() {
            self.stall.count_retry();
        }
        self.stats.go_backs += 1;
        if let Some(auto_window) = &mut self.auto_window {
            auto_window.handle_loss();
        }
        self.events.push(SenderEvent::GoBack { to, cause });
    }

    /// Restarts sending from `to` in a new round, without counting a go-back.
    pub(super) fn rewind(&mut self, to: u64) {
        self.round = self.round.wrapping_add(1);
        self.cursor = to;
        self.timed_from = self.timed_from.min(to);
    }

    /// Whether there are segments to send, but some receiver has no space for any of them.
    pub(super) fn is_out_of_space(&self) -> bool {
        let base = self.base();
        !self.group.live.is_empty() && self.group.space_end() <= base && base < self.available
    }

    /// Schedules a zero-window probe.
    pub(super) fn probe(&mut self) {
        self.stats.window_probes += 1;
        self.probe = Probe::Due;
        self.stall.count_retry();
        if self.cursor > self.base() {
            self.rewind(self.base());
        }
    }

    /// Keeps the timer running while nothing is outstanding but a receiver has no space. Without it, the loss of the ACK
    /// that reports new space would stop the transfer for good (the persist timer of RFC 9293 section 3.8.6.1).
    pub(super) fn await_space(&mut self, now: Instant) {
        if self.timer.is_none() && self.is_out_of_space() {
            self.timer = Some(now + self.rto.current());
        }
    }

    /// Rewinds to a probe that the receiver dropped for lack of space, so that it is sent again once there is space.
    pub(super) fn handle_refused_probe(&mut self, ack: &Ack) {
        let Probe::Sent(seq) = self.probe else { return };
        if ack.cumulative <= seq && ack.space_end() <= seq {
            self.probe = Probe::None;
            self.rewind(seq);
        }
    }
}
