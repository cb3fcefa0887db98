//! The receivers of one stream.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::ack::Ack;

/// Names one receiver of a stream to its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiverId(pub u16);

impl fmt::Display for ReceiverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the sender knows of a live receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverProgress {
    /// Which.
    pub id: ReceiverId,
    /// The next segment it expects, by its last ACK.
    pub cumulative: u64,
    /// The first segment it has no space for, by its last ACK.
    pub space_end: u64,
    /// Timeouts since it was last heard.
    pub timeouts: u32,
    silent_since: Option<Instant>,
    finished: bool,
}

/// The live receivers in the order of their ids, with the least of what they have and of what they have space for.
#[derive(Debug, Clone)]
pub(super) struct Group {
    live: Vec<ReceiverProgress>,
    base: u64,
    space_end: u64,
}

/// How an ACK stands to what was known of its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// As new as what was known, or newer.
    Current,
    /// Older: it was overtaken.
    Overtaken,
    /// Not from a live receiver, or for segments never sent.
    Refused,
}

impl Group {
    pub(super) fn new(ids: impl IntoIterator<Item = ReceiverId>, base: u64) -> Self {
        let mut live: Vec<_> = ids
            .into_iter()
            .map(|id| ReceiverProgress {
                id,
                cumulative: base,
                space_end: u64::MAX,
                timeouts: 0,
                silent_since: None,
                finished: false,
            })
            .collect();
        live.sort_unstable_by_key(|receiver| receiver.id);
        live.dedup_by_key(|receiver| receiver.id);
        Self {
            live,
            base,
            space_end: u64::MAX,
        }
    }

    /// The least cumulative ACK.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// The first segment for which some receiver has no space.
    pub(super) fn space_end(&self) -> u64 {
        self.space_end
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    pub(super) fn live(&self) -> &[ReceiverProgress] {
        &self.live
    }

    /// Takes what an ACK says of its receiver.
    pub(super) fn acknowledge(
        &mut self,
        from: ReceiverId,
        ack: &Ack,
        next_seq_num: u64,
    ) -> Standing {
        let Some(receiver) = self.find(from).filter(|_| ack.cumulative <= next_seq_num) else {
            return Standing::Refused;
        };
        receiver.timeouts = 0;
        receiver.silent_since = None;
        if ack.cumulative < receiver.cumulative {
            return Standing::Overtaken;
        }
        let old = *receiver;
        receiver.cumulative = ack.cumulative;
        receiver.space_end = ack.space_end();
        let new = *receiver;
        self.update(old, new);
        Standing::Current
    }

    pub(super) fn set_free_segments(&mut self, id: ReceiverId, free_segments: u32) {
        if let Some(receiver) = self.find(id) {
            let old = *receiver;
            receiver.space_end = receiver.cumulative.saturating_add(free_segments.into());
            let new = *receiver;
            self.update(old, new);
        }
    }

    /// Counts a timeout against each receiver that owes an ACK, and removes and returns those that owe it too long.
    pub(super) fn count_timeout(
        &mut self,
        now: Instant,
        next_seq_num: u64,
        max_timeouts: u32,
        min_silence: Duration,
    ) -> Vec<ReceiverId> {
        let mut lost = Vec::new();
        self.live.retain_mut(|receiver| {
            if receiver.cumulative >= next_seq_num {
                return true;
            }
            receiver.timeouts += 1;
            let silent_since = *receiver.silent_since.get_or_insert(now);
            let silence = now.saturating_duration_since(silent_since);
            let is_lost = receiver.timeouts >= max_timeouts && silence >= min_silence;
            if is_lost {
                lost.push(receiver.id);
            }
            !is_lost
        });
        self.recompute();
        lost
    }

    /// Marks and returns a receiver that has everything below `end`, each once.
    pub(super) fn next_finished(&mut self, end: u64) -> Option<ReceiverId> {
        let receiver = self
            .live
            .iter_mut()
            .find(|r| !r.finished && r.cumulative >= end)?;
        receiver.finished = true;
        Some(receiver.id)
    }

    /// Whether nobody is left that has not finished.
    pub(super) fn all_finished(&self) -> bool {
        self.live.iter().all(|receiver| receiver.finished)
    }

    /// Stops serving a receiver; false where it wasn't served.
    pub(super) fn remove(&mut self, id: ReceiverId) -> bool {
        let before = self.live.len();
        self.live.retain(|receiver| receiver.id != id);
        self.recompute();
        self.live.len() < before
    }

    fn find(&mut self, id: ReceiverId) -> Option<&mut ReceiverProgress> {
        let index = self
            .live
            .binary_search_by_key(&id, |receiver| receiver.id)
            .ok()?;
        self.live.get_mut(index)
    }

    /// Looks at all receivers only where the one that changed was the least.
    fn update(&mut self, old: ReceiverProgress, new: ReceiverProgress) {
        let base_may_move = old.cumulative == self.base && new.cumulative > old.cumulative;
        let space_may_grow = old.space_end == self.space_end && new.space_end > old.space_end;
        if base_may_move || space_may_grow {
            self.recompute();
        } else {
            self.space_end = self.space_end.min(new.space_end);
        }
    }

    /// The least of all; without receivers the base stays where it was.
    fn recompute(&mut self) {
        let mut live = self.live.iter();
        let Some(first) = live.next() else { return };
        (self.base, self.space_end) = live.fold((first.cumulative, first.space_end), |least, r| {
            (least.0.min(r.cumulative), least.1.min(r.space_end))
        });
    }
}
