//! What a window that finds itself is told, and what it says.

use std::time::Instant;

use super::{Sender, auto_window::Answer};
use crate::{ack::Ack, config::Window};

impl Sender {
    /// How many of `count` segments may go now, if any.
    pub(super) fn pace(&mut self, now: Instant, count: u64) -> Option<u64> {
        let granted = match &mut self.auto_window {
            Some(auto_window) => auto_window.pace(now, count),
            None => count,
        };
        (granted > 0).then_some(granted)
    }

    /// Lets a window that finds itself learn from an ACK that advanced the base, where it proves which transmission it answers.
    pub(super) fn find_window(&mut self, now: Instant, old_base: u64, ack: &Ack) {
        let Some(auto_window) = &mut self.auto_window else {
            return;
        };
        let answered = ack.cumulative.saturating_sub(1);
        if self.sent.round(answered) != ack.accepted_round {
            return auto_window.handle_ambiguous();
        }
        let round_trip = self.sent.age(answered, now);
        auto_window.handle_answer(Answer {
            now,
            sent: now.checked_sub(round_trip).unwrap_or(now),
            cumulative: ack.cumulative,
            round: ack.accepted_round,
            advance: ack.cumulative - old_base,
        });
        self.take_window();
    }

    /// Tells a window that finds itself what a gap report says of the round trip: what arrived beyond the gap was sent after
    /// the segment that is missing, and so was not on its way for longer.
    pub(super) fn bound_round_trip(&mut self, now: Instant, missing: u64, gap_round: u16) {
        if let Some(auto_window) = &mut self.auto_window
            && missing == self.group.base()
            && missing < self.next_seq_num
            && self.sent.round(missing) == gap_round
        {
            auto_window.handle_gap(now, self.sent.age(missing, now));
        }
    }

    /// Makes the window what it has been found to be.
    pub(super) fn take_window(&mut self) {
        if let Some(auto_window) = &self.auto_window {
            self.resize_window(auto_window.window());
        }
    }

    /// Makes room for a window, and keeps to it.
    pub(super) fn resize_window(&mut self, window: Window) {
        self.sent.grow(window, self.base()..self.next_seq_num);
        self.window = window;
    }
}
