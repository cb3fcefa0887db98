//! Connects the sender to its automatic window.

use std::time::Instant;

use super::{Sender, auto_window::AckSample};
use crate::{ack::Ack, config::Window};

impl Sender {
    /// Returns how many of `count` segments the pacer allows to be sent now, or `None` for none.
    pub(super) fn pace(&mut self, now: Instant, count: u64) -> Option<u64> {
        let granted = match &mut self.auto_window {
            Some(auto_window) => auto_window.pace(now, count),
            None => count,
        };
        (granted > 0).then_some(granted)
    }

    /// Passes an ACK that advanced the base to the automatic window, as a sample if it is unambiguous.
    pub(super) fn sample_window(&mut self, now: Instant, old_base: u64, ack: &Ack) {
        let Some(auto_window) = &mut self.auto_window else {
            return;
        };
        let answered = ack.cumulative.saturating_sub(1);
        if self.sent.round(answered) != ack.accepted_round {
            return auto_window.handle_ambiguous_ack();
        }
        let round_trip = self.sent.age(answered, now);
        auto_window.handle_sample(AckSample {
            now,
            sent: now.checked_sub(round_trip).unwrap_or(now),
            cumulative: ack.cumulative,
            round: ack.accepted_round,
            advance: ack.cumulative - old_base,
        });
        self.apply_auto_window();
    }

    /// Passes the upper bound that a gap report gives on the round trip to the automatic window: the segment that arrived
    /// beyond the gap was sent after the missing one, so its round trip was no longer than the missing one's age.
    pub(super) fn sample_gap(&mut self, now: Instant, missing: u64, gap_round: u16) {
        if let Some(auto_window) = &mut self.auto_window
            && missing == self.group.base()
            && missing < self.next_seq_num
            && self.sent.round(missing) == gap_round
        {
            auto_window.handle_gap(now, self.sent.age(missing, now));
        }
    }

    pub(super) fn apply_auto_window(&mut self) {
        if let Some(auto_window) = &self.auto_window {
            self.resize_window(auto_window.window());
        }
    }

    pub(super) fn resize_window(&mut self, window: Window) {
        self.sent.grow(window, self.base()..self.next_seq_num);
        self.window = window;
    }
}
