//! Transfers without progress: what is sent again, and when a receiver is given up.
//!
//! The measure of progress is `base`, not whether a receiver answers. One that answers without getting anywhere would otherwise
//! be served at line rate for ever.

use std::time::{Duration, Instant};

use super::{Sender, events::SenderEvent, group::LossCause};
use crate::config::MIN_RETRIES;

/// From this retry of `base` on, only the segment at `base` is sent again: the rest of the window was of no use twice.
pub(super) const FIRST_SHORT_RETRY: u32 = 3;

/// The time since the base last advanced.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stall {
    /// When the base last advanced, or when the sender began to wait for a receiver. `None` while it waits for none.
    since: Option<Instant>,
    /// The retries of the base since then, zero-window probes included.
    retries: u32,
}

impl Stall {
    pub(super) fn count_retry(&mut self) {
        self.retries = self.retries.saturating_add(1);
    }
}

impl Sender {
    /// Whether the sender waits for a receiver.
    pub(super) fn is_waiting(&self) -> bool {
        self.outstanding() > 0 || self.is_out_of_space()
    }

    /// Records when the sender began to wait.
    pub(super) fn begin_stall(&mut self, now: Instant) {
        if self.is_waiting() {
            self.stall.since.get_or_insert(now);
        }
    }

    /// Forgets the time and the retries, because the base has advanced or nothing is outstanding.
    pub(super) fn end_stall(&mut self) {
        self.stall = Stall::default();
    }

    /// The end of what may be sent again without progress.
    pub(super) fn retry_end(&self) -> Option<u64> {
        (self.stall.retries >= FIRST_SHORT_RETRY).then(|| self.base() + 1)
    }

    /// When the receivers that stall the transfer are given up.
    pub(super) fn stall_deadline(&self) -> Option<Instant> {
        self.stall.since?.checked_add(self.max_stall())
    }

    /// Gives up the receivers that have stalled the transfer for too long.
    pub(super) fn drop_stalled_receivers(&mut self, now: Instant) {
        if self.stall_deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        let old_base = self.base();
        let min_silence = self.max_stall() / 2;
        let stalled = self
            .group
            .remove_stalled(now, self.next_seq_num, min_silence);
        for (receiver, cause) in stalled {
            self.events
                .push(SenderEvent::ReceiverLost { receiver, cause });
        }
        self.continue_without_lost(old_base);
        self.begin_stall(now);
    }

    /// Gives up the receivers that have been silent for too long.
    pub(super) fn drop_silent_receivers(&mut self, now: Instant) {
        let old_base = self.base();
        let lost = self
            .group
            .count_timeout(now, self.next_seq_num, self.config.max_silence);
        if lost.is_empty() {
            return;
        }
        for receiver in lost {
            let cause = LossCause::Silent;
            self.events
                .push(SenderEvent::ReceiverLost { receiver, cause });
        }
        self.continue_without_lost(old_base);
    }

    fn max_stall(&self) -> Duration {
        let retries = self.rto.without_back_off().saturating_mul(MIN_RETRIES);
        self.config.max_stall.max(retries)
    }

    fn continue_without_lost(&mut self, old_base: u64) {
        if self.base() > old_base {
            self.rto.end_back_off();
            self.base_advanced();
        }
        self.stop_idle_timers();
        self.report_finished();
    }
}
