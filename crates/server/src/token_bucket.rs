//! A token bucket: limits a rate after a burst.

use std::time::{Duration, Instant};

/// A token bucket in the form of the generic cell rate algorithm (ITU-T I.371): instead of a number of tokens, it stores
/// the time at which it will be full again. It needs no timer to refill.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    time_per_unit: Duration,
    burst: Duration,
    /// From this time on, the bucket can be dropped and created again.
    pub(crate) full_at: Instant,
}

impl TokenBucket {
    /// Allows `units` per `period`, at least one, with bursts of up to `burst` units. The bucket is full at first.
    pub(crate) fn new(units: u32, period: Duration, burst: u32, now: Instant) -> Self {
        let time_per_unit = period / units.max(1);
        Self {
            time_per_unit,
            burst: time_per_unit.saturating_mul(burst),
            full_at: now,
        }
    }

    /// Takes `units`, even if there are fewer, and returns how long to wait until the level is back to zero.
    pub(crate) fn charge(&mut self, now: Instant, units: u32) -> Duration {
        let cost = self.time_per_unit.saturating_mul(units);
        let full_at = self.full_at.max(now);
        // The sum overflows only for a cost of centuries.
        self.full_at = full_at.checked_add(cost).unwrap_or(full_at);
        self.wait(now)
    }

    /// The time until units may be taken; zero if they may be taken now.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.full_at
            .saturating_duration_since(now)
            .saturating_sub(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_is_free_and_then_the_rate_applies() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, SECOND, 5, start);
        for _ in 0..5 {
            assert_eq!(bucket.charge(start, 1), Duration::ZERO);
        }
        assert_eq!(bucket.charge(start, 1), Duration::from_millis(100));
        assert_eq!(bucket.charge(start, 2), Duration::from_millis(300));
        assert_eq!(bucket.wait(start + SECOND), Duration::ZERO);
    }

    #[test]
    fn a_pause_refills_the_bucket_up_to_its_burst() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, SECOND, 5, start);
        bucket.charge(start, 5);
        let later = start + 100 * SECOND;
        assert!(bucket.full_at <= later);
        assert_eq!(bucket.charge(later, 5), Duration::ZERO);
        assert_eq!(bucket.charge(later, 1), Duration::from_millis(100));
    }

    #[test]
    fn a_cost_above_the_burst_has_to_wait() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, SECOND, 5, start);
        assert_eq!(bucket.charge(start, 25), 2 * SECOND);
        assert_eq!(bucket.wait(start + 2 * SECOND), Duration::ZERO);
    }
}
