//! Pacing: spreads a window over a round trip.

use std::time::{Duration, Instant};

/// The pacing rate in windows per round trip. It exceeds 1, so that the window is the limit and not the pacer. Linux uses
/// 1.2 for TCP in congestion avoidance and 2 in slow start (`tcp_pacing_ca_ratio`, `tcp_pacing_ss_ratio`).
const GAIN: f64 = 1.5;

/// The bucket depth as a time: two ticks, so that a timer that is one tick late costs no throughput.
const DEPTH: Duration = Duration::from_millis(2);
const MIN_DEPTH_SEGMENTS: f64 = 2.0;

/// The resolution of the timers.
const TICK: Duration = Duration::from_millis(1);

/// A token bucket of segments.
#[derive(Debug, Clone, Default)]
pub(super) struct Pacer {
    /// In segments a second. `None` holds nothing back.
    rate: Option<f64>,
    tokens: f64,
    filled: Option<Instant>,
    /// When the next segment may be sent, if one was held back.
    pub(super) next_at: Option<Instant>,
}

impl Pacer {
    /// Sets the rate that spreads a window over a round trip. A round trip of one tick or less is not paced.
    pub(super) fn set(&mut self, window: f64, round_trip: Duration) {
        let is_long = round_trip > TICK;
        self.rate = is_long.then(|| GAIN * window / round_trip.as_secs_f64());
    }

    /// Returns how many of `wanted` segments may be sent now. The caller reports what it sends to [`Self::spend`].
    pub(super) fn grant(&mut self, now: Instant, wanted: u64) -> u64 {
        let Some(rate) = self.rate else {
            self.next_at = None;
            return wanted;
        };
        let depth = (rate * DEPTH.as_secs_f64()).max(MIN_DEPTH_SEGMENTS);
        let filled = *self.filled.get_or_insert(now);
        let elapsed = now.saturating_duration_since(filled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * rate).min(depth);
        self.filled = Some(now);
        let granted = wanted.min(self.tokens as u64);
        let missing = 1.0 - self.tokens;
        self.next_at = (granted == 0 && wanted > 0)
            .then(|| now + Duration::from_secs_f64(missing.max(0.0) / rate).max(TICK));
        granted
    }

    /// Takes the tokens of segments that were sent.
    pub(super) fn spend(&mut self, segments: u64) {
        self.tokens = (self.tokens - segments as f64).max(0.0);
    }

    /// Handles the time [`Self::next_at`].
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.next_at = self.next_at.filter(|at| *at > now);
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "an Instant has to come from somewhere"
)]
mod tests {
    use super::*;

    /// The segments that a greedy sender that polls every `step` sends in a second.
    fn segments_per_second(pacer: &mut Pacer, step: Duration) -> u64 {
        let start = Instant::now();
        let steps = (Duration::from_secs(1).as_nanos() / step.as_nanos()) as u32;
        let mut sent = 0;
        for step in (0..steps).map(|number| step * number) {
            let granted = pacer.grant(start + step, u64::MAX);
            pacer.spend(granted);
            sent += granted;
        }
        sent
    }

    #[test]
    fn an_unknown_path_is_not_paced() {
        let mut pacer = Pacer::default();
        assert_eq!(pacer.grant(Instant::now(), 1_000), 1_000);
        assert_eq!(pacer.next_at, None);
    }

    #[test]
    fn a_round_trip_of_one_tick_is_not_paced() {
        let mut pacer = Pacer::default();
        pacer.set(10.0, TICK);
        assert_eq!(pacer.grant(Instant::now(), 1_000), 1_000);
    }

    #[test]
    fn late_wake_ups_do_not_lower_the_rate() {
        for step_us in [50, 1_000, 1_500] {
            let mut pacer = Pacer::default();
            pacer.set(100.0, Duration::from_millis(100));
            let sent = segments_per_second(&mut pacer, Duration::from_micros(step_us));
            assert!((1_490..=1_510).contains(&sent), "{step_us} us: {sent}");
        }
    }

    #[test]
    fn a_burst_after_a_pause_is_bounded() {
        let mut pacer = Pacer::default();
        pacer.set(1_000.0, Duration::from_millis(100));
        let start = Instant::now();
        pacer.grant(start, 1);
        assert_eq!(pacer.grant(start + Duration::from_secs(9), u64::MAX), 30);
    }

    #[test]
    fn a_held_back_segment_sets_a_timeout() {
        let mut pacer = Pacer::default();
        pacer.set(1.0, Duration::from_millis(100));
        let start = Instant::now();
        assert_eq!(pacer.grant(start, 1), 0);
        let at = pacer.next_at.unwrap();
        assert_eq!(pacer.grant(at, 1), 1);
        assert_eq!(pacer.next_at, None);
    }
}
