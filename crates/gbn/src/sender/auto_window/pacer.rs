//! Spreads a window over a round trip.

use std::time::{Duration, Instant};

/// Over the window per round trip: so much more that the window and not the pacer is what limits. Between what Linux has for
/// TCP in congestion avoidance, 1.2, and in slow start, 2 (`tcp_pacing_ca_ratio`, `tcp_pacing_ss_ratio`).
const GAIN: f64 = 1.5;

/// What may go at once: as much as in two ticks of the timers, so that one that comes late costs nothing.
const DEPTH: Duration = Duration::from_millis(2);
const LEAST_DEPTH: f64 = 2.0;

/// Never wakes sooner: timers are no finer.
const TICK: Duration = Duration::from_millis(1);

/// A token bucket of segments.
#[derive(Debug, Clone, Default)]
pub(super) struct Pacer {
    /// Segments a second; nothing is held back before it is known.
    rate: Option<f64>,
    tokens: f64,
    filled: Option<Instant>,
    /// When more may go, where something was held back.
    more_at: Option<Instant>,
}

impl Pacer {
    /// Sets the rate for a window and the round trip that it is spread over. One that no timer can divide has none.
    pub(super) fn set(&mut self, window: f64, round_trip: Duration) {
        let is_long = round_trip > TICK;
        self.rate = is_long.then(|| GAIN * window / round_trip.as_secs_f64());
    }

    /// How many of `wanted` segments may go now.
    pub(super) fn grant(&mut self, now: Instant, wanted: u64) -> u64 {
        let Some(rate) = self.rate else {
            self.more_at = None;
            return wanted;
        };
        let depth = (rate * DEPTH.as_secs_f64()).max(LEAST_DEPTH);
        let filled = *self.filled.get_or_insert(now);
        let elapsed = now.saturating_duration_since(filled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * rate).min(depth);
        self.filled = Some(now);
        let granted = wanted.min(self.tokens as u64);
        let missing = 1.0 - self.tokens;
        self.more_at = (granted == 0 && wanted > 0)
            .then(|| now + Duration::from_secs_f64(missing.max(0.0) / rate).max(TICK));
        granted
    }

    /// Takes note of what was sent.
    pub(super) fn spend(&mut self, segments: u64) {
        self.tokens = (self.tokens - segments as f64).max(0.0);
    }

    /// When more may go, where something was held back.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.more_at
    }

    /// Takes note that it is that time.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.more_at = self.more_at.filter(|at| *at > now);
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "an Instant has to come from somewhere"
)]
mod tests {
    use super::*;

    /// Segments that go in a second of which each millisecond is asked for as many as there may be.
    fn in_a_second(pacer: &mut Pacer, step: Duration) -> u64 {
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
    fn nothing_is_held_back_before_the_path_is_known() {
        let mut pacer = Pacer::default();
        assert_eq!(pacer.grant(Instant::now(), 1_000), 1_000);
        assert_eq!(pacer.poll_timeout(), None);
    }

    #[test]
    fn nothing_is_held_back_where_a_round_trip_is_shorter_than_a_tick() {
        let mut pacer = Pacer::default();
        pacer.set(10.0, TICK);
        assert_eq!(pacer.grant(Instant::now(), 1_000), 1_000);
    }

    #[test]
    fn a_window_and_a_half_goes_in_a_round_trip_also_where_wake_ups_come_late() {
        for step_us in [50, 1_000, 1_500] {
            let mut pacer = Pacer::default();
            pacer.set(100.0, Duration::from_millis(100));
            let sent = in_a_second(&mut pacer, Duration::from_micros(step_us));
            assert!((1_490..=1_510).contains(&sent), "{step_us} us: {sent}");
        }
    }

    #[test]
    fn no_more_than_two_ticks_worth_goes_at_once_however_long_nothing_went() {
        let mut pacer = Pacer::default();
        pacer.set(1_000.0, Duration::from_millis(100));
        let start = Instant::now();
        pacer.grant(start, 1);
        assert_eq!(pacer.grant(start + Duration::from_secs(9), u64::MAX), 30);
    }

    #[test]
    fn what_is_held_back_is_asked_for_again() {
        let mut pacer = Pacer::default();
        pacer.set(1.0, Duration::from_millis(100));
        let start = Instant::now();
        assert_eq!(pacer.grant(start, 1), 0);
        let at = pacer.poll_timeout().unwrap();
        assert_eq!(pacer.grant(at, 1), 1);
        assert_eq!(pacer.poll_timeout(), None);
    }
}
