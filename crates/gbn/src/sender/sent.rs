//! The time and round in which each outstanding segment was last sent, and when the last rounds began.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use crate::config::Window;

/// A ring buffer of the last transmission of each outstanding segment: 16 bytes a segment.
#[derive(Debug, Clone)]
pub(super) struct SentLog {
    /// Indexed by the sequence number modulo the length, a power of two.
    ring: Vec<Transmission>,
    /// When each of the last rounds began, indexed by the round modulo the length.
    rounds: [RoundStart; KEPT_ROUNDS],
    /// The first transmission. Times are stored relative to it, in 8 bytes instead of an `Instant`'s 16.
    epoch: Option<Instant>,
}

/// More rounds than a sender begins in vain while it waits for an ACK over the slowest path.
const KEPT_ROUNDS: usize = 64;

#[derive(Debug, Clone, Copy, Default)]
struct RoundStart {
    round: u16,
    nanoseconds: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Transmission {
    nanoseconds: u64,
    round: u16,
}

impl SentLog {
    pub(super) fn new(window: Window) -> Self {
        Self {
            ring: vec![Transmission::default(); capacity(window)],
            rounds: [RoundStart::default(); KEPT_ROUNDS],
            epoch: None,
        }
    }

    /// Grows the ring for a larger window. It never shrinks: segments beyond a smaller window may be outstanding.
    pub(super) fn grow(&mut self, window: Window, outstanding: Range<u64>) {
        if capacity(window) <= self.ring.len() {
            return;
        }
        let mut grown = Self::new(window);
        grown.rounds = self.rounds;
        grown.epoch = self.epoch;
        for seq in outstanding {
            let index = grown.index(seq);
            grown.ring[index] = self.ring[self.index(seq)];
        }
        *self = grown;
    }

    pub(super) fn record(&mut self, segments: Range<u64>, round: u16, now: Instant) {
        let epoch = *self.epoch.get_or_insert(now);
        let nanoseconds = now.saturating_duration_since(epoch).as_nanos() as u64;
        let start = &mut self.rounds[usize::from(round) % KEPT_ROUNDS];
        if start.round != round || start.nanoseconds.is_none() {
            *start = RoundStart {
                round,
                nanoseconds: Some(nanoseconds),
            };
        }
        for seq in segments {
            let index = self.index(seq);
            self.ring[index] = Transmission { nanoseconds, round };
        }
    }

    /// The round in which an outstanding segment was last sent.
    pub(super) fn round(&self, seq: u64) -> u16 {
        self.ring[self.index(seq)].round
    }

    /// The time since an outstanding segment was last sent.
    pub(super) fn age(&self, seq: u64, now: Instant) -> Duration {
        self.since(self.ring[self.index(seq)].nanoseconds, now)
    }

    /// The time since the first transmission of a round, if it is one of the last.
    pub(super) fn round_age(&self, round: u16, now: Instant) -> Option<Duration> {
        let start = self.rounds[usize::from(round) % KEPT_ROUNDS];
        let nanoseconds = start.nanoseconds.filter(|_| start.round == round)?;
        Some(self.since(nanoseconds, now))
    }

    fn since(&self, nanoseconds: u64, now: Instant) -> Duration {
        let since_epoch = self
            .epoch
            .map_or(Duration::ZERO, |epoch| now.saturating_duration_since(epoch));
        since_epoch.saturating_sub(Duration::from_nanos(nanoseconds))
    }

    fn index(&self, seq: u64) -> usize {
        seq as usize & (self.ring.len() - 1)
    }
}

fn capacity(window: Window) -> usize {
    usize::from(window.segments()).next_power_of_two()
}
