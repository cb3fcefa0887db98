//! The receivers of one stream.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{ack::Ack, config::Silence};

/// Identifies one receiver of a stream. The caller assigns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiverId(pub u16);

impl fmt::Display for ReceiverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The state of a live receiver, as known from its ACKs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverProgress {
    /// The id that the caller assigned.
    pub id: ReceiverId,
    /// The next segment it expects, according to its last ACK.
    pub cumulative: u64,
    /// The first segment it has no space for, according to its last ACK.
    pub space_end: u64,
    /// Timeouts since its last ACK.
    pub timeouts: u32,
    silent_since: Option<Instant>,
    /// Go-backs to the gap that it reports, since it last acknowledged something new.
    gap_go_backs: u32,
    finished: bool,
}

/// What was seen of a receiver before it was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LossCause {
    /// It sent no ACKs.
    Silent,
    /// It sent ACKs, but acknowledged nothing new.
    Stalled,
}

/// The live receivers, sorted by id, with the minima of their positions and of their space.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) live: Vec<ReceiverProgress>,
    base: Minimum,
    space_end: Minimum,
}

/// The minimum of one number per receiver, and how many receivers hold it. It is recomputed from all receivers only when
/// the last holder moves up, so that most ACKs cost the same for any number of receivers.
#[derive(Debug, Clone, Copy)]
struct Minimum {
    value: u64,
    holders: usize,
}

/// An ACK compared with the earlier ACKs of its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckStatus {
    /// At least as recent as every earlier ACK.
    Current,
    /// Older than an earlier ACK: it was reordered.
    Stale,
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
                gap_go_backs: 0,
                finished: false,
            })
            .collect();
        live.sort_unstable_by_key(|receiver| receiver.id);
        live.dedup_by_key(|receiver| receiver.id);
        let holders = live.len();
        Self {
            live,
            base: Minimum {
                value: base,
                holders,
            },
            space_end: Minimum {
                value: u64::MAX,
                holders,
            },
        }
    }

    /// The lowest cumulative ACK.
    pub(super) fn base(&self) -> u64 {
        self.base.value
    }

    /// The first segment for which some receiver has no space.
    pub(super) fn space_end(&self) -> u64 {
        self.space_end.value
    }

    pub(super) fn acknowledge(
        &mut self,
        from: ReceiverId,
        ack: &Ack,
        next_seq_num: u64,
    ) -> AckStatus {
        let Some(receiver) = self.find(from).filter(|_| ack.cumulative <= next_seq_num) else {
            return AckStatus::Refused;
        };
        receiver.timeouts = 0;
        receiver.silent_since = None;
        if ack.cumulative < receiver.cumulative {
            return AckStatus::Stale;
        }
        let old = *receiver;
        if ack.cumulative > receiver.cumulative {
            receiver.gap_go_backs = 0;
        }
        receiver.cumulative = ack.cumulative;
        receiver.space_end = ack.space_end();
        let new = *receiver;
        self.update(old, new);
        AckStatus::Current
    }

    pub(super) fn set_free_segments(&mut self, id: ReceiverId, free_segments: u32) {
        if let Some(receiver) = self.find(id) {
            let old = *receiver;
            receiver.space_end = receiver.cumulative.saturating_add(free_segments.into());
            let new = *receiver;
            self.update(old, new);
        }
    }

    /// Counts a go-back to the gap that a receiver reports, and returns how many there were since it last made progress.
    pub(super) fn count_gap_go_back(&mut self, id: ReceiverId) -> u32 {
        self.find(id).map_or(0, |receiver| {
            receiver.gap_go_backs = receiver.gap_go_backs.saturating_add(1);
            receiver.gap_go_backs
        })
    }

    /// Removes and returns the receivers that keep the base where it is, and what was seen of them since `min_silence` ago.
    pub(super) fn remove_stalled(
        &mut self,
        now: Instant,
        next_seq_num: u64,
        min_silence: Duration,
    ) -> Vec<(ReceiverId, LossCause)> {
        let base = self.base();
        let stalls = |receiver: &mut ReceiverProgress| {
            receiver.cumulative == base
                && (receiver.cumulative < next_seq_num || receiver.space_end <= base)
        };
        let cause = |receiver: &ReceiverProgress| {
            let silence = receiver
                .silent_since
                .map(|since| now.saturating_duration_since(since));
            match silence {
                Some(silence) if silence >= min_silence => LossCause::Silent,
                _ => LossCause::Stalled,
            }
        };
        let stalled = self.live.extract_if(.., stalls);
        let stalled = stalled
            .map(|receiver| (receiver.id, cause(&receiver)))
            .collect();
        self.recompute();
        stalled
    }

    /// Counts a timeout for each receiver with unacknowledged segments. Removes and returns those that have been silent
    /// too long.
    pub(super) fn count_timeout(
        &mut self,
        now: Instant,
        next_seq_num: u64,
        max_silence: Option<Silence>,
    ) -> Vec<ReceiverId> {
        let mut lost = Vec::new();
        self.live.retain_mut(|receiver| {
            if receiver.cumulative >= next_seq_num {
                return true;
            }
            receiver.timeouts += 1;
            let silent_since = *receiver.silent_since.get_or_insert(now);
            let silence = now.saturating_duration_since(silent_since);
            let is_lost = max_silence
                .is_some_and(|max| receiver.timeouts >= max.timeouts && silence >= max.min_time);
            if is_lost {
                lost.push(receiver.id);
            }
            !is_lost
        });
        self.recompute();
        lost
    }

    /// Marks and returns a receiver that has everything below `end`. Returns each receiver once.
    pub(super) fn next_finished(&mut self, end: u64) -> Option<ReceiverId> {
        let receiver = self
            .live
            .iter_mut()
            .find(|r| !r.finished && r.cumulative >= end)?;
        receiver.finished = true;
        Some(receiver.id)
    }

    pub(super) fn all_finished(&self) -> bool {
        self.live.iter().all(|receiver| receiver.finished)
    }

    /// Removes a receiver and returns whether it was present.
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

    fn update(&mut self, old: ReceiverProgress, new: ReceiverProgress) {
        let base_is_known = self.base.moved(old.cumulative, new.cumulative);
        let space_end_is_known = self.space_end.moved(old.space_end, new.space_end);
        if !(base_is_known && space_end_is_known) {
            self.recompute();
        }
    }

    /// Recomputes both minima. Without receivers they keep their values, so the base never moves backwards.
    fn recompute(&mut self) {
        self.base
            .recompute(self.live.iter().map(|receiver| receiver.cumulative));
        self.space_end
            .recompute(self.live.iter().map(|receiver| receiver.space_end));
    }
}

impl Minimum {
    /// Updates the minimum when one number changes. Returns false if it must be recomputed.
    fn moved(&mut self, old: u64, new: u64) -> bool {
        if new < self.value {
            *self = Self {
                value: new,
                holders: 1,
            };
            return true;
        }
        self.holders -= usize::from(old == self.value);
        self.holders += usize::from(new == self.value);
        self.holders > 0
    }

    fn recompute(&mut self, numbers: impl Iterator<Item = u64> + Clone) {
        let Some(value) = numbers.clone().min() else {
            return;
        };
        let holders = numbers.filter(|number| *number == value).count();
        *self = Self { value, holders };
    }
}
