//! When the sender goes back, gives up a receiver, or asks one for space.

use std::time::Instant;

use super::{GoBackCause, Probe, Sender, SenderEvent};
use crate::{ack::Ack, config::Recovery, round};

impl Sender {
    /// Goes back to a reported gap, once for each time its segment was lost.
    ///
    /// The report says that a segment sent in `gap_round` arrived and `seq`, before it, did not. Within a round segments
    /// are sent in order; so where `seq` was last sent in that round or before, its last transmission was overtaken.
    /// Where it has been sent again since, or is about to be, the report is old news.
    pub(super) fn handle_gap(&mut self, seq: u64, gap_round: u16) {
        let will_be_sent = seq >= self.cursor;
        if self.config.recovery == Recovery::Timeout || will_be_sent {
            return;
        }
        let overtaken = round::is_not_after(self.sent.round(seq), gap_round);
        if overtaken && round::is_not_after(gap_round, self.round) {
            self.go_back(seq, GoBackCause::Gap);
        }
    }

    /// Whether an ACK that doesn't advance the base shows that what was sent before the base is still arriving: it
    /// reports a gap from an earlier round than the base's, or no gap, and so answers a duplicate.
    ///
    /// The base is then still on its way, perhaps behind windows' worth in a queue, which is longer than any round trip
    /// measured so far; sending it again would only lengthen the queue, and with a fixed timer without end. There is
    /// only so much before it, so the timer does fire if the base is lost.
    pub(super) fn is_from_before_base(&self, ack: &Ack) -> bool {
        let base = self.base();
        let is_earlier = |gap_round| !round::is_not_after(self.sent.round(base), gap_round);
        ack.cumulative == base && base < self.cursor && ack.gap_round.is_none_or(is_earlier)
    }

    pub(super) fn go_back(&mut self, to: u64, cause: GoBackCause) {
        self.rewind(to);
        self.stats.go_backs += 1;
        if let Some(auto_window) = &mut self.auto_window {
            auto_window.handle_loss();
        }
        self.events.push(SenderEvent::GoBack { to, cause });
    }

    /// Sends again from `to`, in a new round.
    pub(super) fn rewind(&mut self, to: u64) {
        self.round = self.round.wrapping_add(1);
        self.cursor = to;
        self.timed_from = self.timed_from.min(to);
    }

    /// Whether there is something to send and some receiver has no space for any of it.
    pub(super) fn is_out_of_space(&self) -> bool {
        let base = self.base();
        !self.group.is_empty() && self.group.space_end() <= base && base < self.available
    }

    /// Lets one segment be sent for which there is no space, so that its ACK tells of any there is by now.
    pub(super) fn probe(&mut self) {
        self.stats.window_probes += 1;
        self.probe = Probe::Due;
        if self.cursor > self.base() {
            self.rewind(self.base());
        }
    }

    /// Keeps the timer running while nothing is outstanding but a receiver has no space: the ACK that says it has some
    /// again may be lost.
    pub(super) fn await_space(&mut self, now: Instant) {
        if self.timer.is_none() && self.is_out_of_space() {
            self.timer = Some(now + self.rto.current());
        }
    }

    /// A probe that found no space was dropped: it is sent again when there is some.
    pub(super) fn handle_refused_probe(&mut self, ack: &Ack) {
        let Probe::Sent(seq) = self.probe else { return };
        if ack.cumulative <= seq && ack.space_end() <= seq {
            self.probe = Probe::None;
            self.rewind(seq);
        }
    }

    /// Gives up the receivers that have owed an ACK for too long.
    pub(super) fn drop_silent_receivers(&mut self, now: Instant) {
        let old_base = self.base();
        let (max_timeouts, min_silence) = (self.config.max_timeouts, self.config.min_silence);
        let lost = self
            .group
            .count_timeout(now, self.next_seq_num, max_timeouts, min_silence);
        if lost.is_empty() {
            return;
        }
        for receiver in lost {
            self.events.push(SenderEvent::ReceiverLost { receiver });
        }
        if self.base() > old_base {
            self.rto.end_back_off();
            self.base_advanced();
        }
        self.report_finished();
    }
}
