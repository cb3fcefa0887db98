//! A token bucket that remembers one instant: how fast something may go on, after a burst.

use std::time::{Duration, Instant};

/// How many units a second, and how many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    per_unit: Duration,
    burst: Duration,
}

impl Rate {
    /// `units` each `period`, with bursts of up to `burst` units.
    ///
    /// A rate of zero units counts as one.
    pub(crate) fn new(units: u32, period: Duration, burst: u32) -> Self {
        let per_unit = period / units.max(1);
        Self {
            per_unit,
            burst: per_unit.saturating_mul(burst),
        }
    }
}

/// A token bucket in the form of the generic cell rate algorithm (ITU-T I.371): instead of a
/// number of tokens it keeps the instant at which it will be full again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    rate: Rate,
    full_at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, full_at: now }
    }

    /// Takes `units`, into debt if need be, and returns how long to wait until the debt is paid.
    pub(crate) fn charge(&mut self, now: Instant, units: u32) -> Duration {
        let cost = self.rate.per_unit.saturating_mul(units);
        let full_at = self.full_at.max(now);
        // An instant too far away to be represented would take centuries to reach.
        self.full_at = full_at.checked_add(cost).unwrap_or(full_at);
        self.wait(now)
    }

    /// How long until the bucket is out of debt. Zero: something may be taken now.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.full_at
            .saturating_duration_since(now)
            .saturating_sub(self.rate.burst)
    }

    /// The instant at which nothing will be missing any more.
    pub(crate) fn full_at(&self) -> Instant {
        self.full_at
    }

    /// Whether nothing is missing, so that forgetting this bucket changes nothing.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_is_free_and_what_follows_goes_at_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(Rate::new(10, SECOND, 5), start);
        for _ in 0..5 {
            assert_eq!(bucket.charge(start, 1), Duration::ZERO);
        }
        assert_eq!(bucket.charge(start, 1), Duration::from_millis(100));
        assert_eq!(bucket.charge(start, 2), Duration::from_millis(300));
        assert_eq!(bucket.wait(start + SECOND), Duration::ZERO);
    }

    #[test]
    fn a_pause_fills_the_bucket_to_its_burst_and_no_further() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(Rate::new(10, SECOND, 5), start);
        bucket.charge(start, 5);
        let later = start + 100 * SECOND;
        assert!(bucket.is_full(later));
        assert_eq!(bucket.charge(later, 5), Duration::ZERO);
        assert_eq!(bucket.charge(later, 1), Duration::from_millis(100));
    }

    #[test]
    fn a_cost_larger_than_the_burst_is_waited_for_not_refused_for_ever() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(Rate::new(10, SECOND, 5), start);
        assert_eq!(bucket.charge(start, 25), 2 * SECOND);
        assert_eq!(bucket.wait(start + 2 * SECOND), Duration::ZERO);
    }
}
