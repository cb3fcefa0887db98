//! What the automatic window measures: single ACKs, and the mean round trip of one window size.

use std::time::{Duration, Instant};

/// Shorter round trips mostly measure the scheduler, so they count as this: the resolution of the timers.
pub(super) const MIN_ROUND_TRIP: Duration = Duration::from_millis(1);

/// An ACK that identifies the transmission it answers.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct AckSample {
    pub(in super::super) now: Instant,
    /// When segment `cumulative - 1` was sent, in `round`.
    pub(in super::super) sent: Instant,
    pub(in super::super) cumulative: u64,
    pub(in super::super) round: u16,
    /// How far the ACK moved the base, in segments.
    pub(in super::super) advance: u64,
}

impl AckSample {
    pub(super) fn round_trip(&self) -> Duration {
        self.now.saturating_duration_since(self.sent)
    }
}

/// The mean round trip of the segments sent since the window last changed. It is complete after one round trip.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Observation {
    began: Option<Instant>,
    first_sample: Option<Instant>,
    round_trips_sum: f64,
    count: u32,
}

impl Observation {
    pub(super) fn beginning_at(now: Instant) -> Self {
        Self {
            began: Some(now),
            ..Self::default()
        }
    }

    /// Adds a sample and returns whether the observation is complete. Segments of a burst are left out: they waited for
    /// their own stream.
    pub(super) fn add(&mut self, sample: &AckSample, is_in_burst: bool) -> bool {
        if self.began.is_some_and(|began| sample.sent < began) {
            return false;
        }
        if !is_in_burst {
            let round_trip = sample.round_trip().max(MIN_ROUND_TRIP);
            self.round_trips_sum += round_trip.as_secs_f64();
            self.count += 1;
        }
        let first_sample = *self.first_sample.get_or_insert(sample.now);
        sample.sent >= first_sample && self.count > 0
    }

    /// The mean round trip in seconds.
    pub(super) fn mean(&self) -> f64 {
        self.round_trips_sum / f64::from(self.count.max(1))
    }
}
