//! The estimate of the path: minimum round trip, maximum rate, and loss.

use std::time::{Duration, Instant};

use super::sample::{AckSample, MIN_ROUND_TRIP};

/// The period of the minimum round trip. A minimum lives for one to two periods.
const RTT_PERIOD: Duration = Duration::from_secs(5);

/// The period of the maximum rate, in observations.
const RATE_PERIOD: u32 = 8;

/// The queue that a stream keeps is the root of its in-flight segments over this, but at least one segment. A linear
/// margin would preserve the ratio of unequal windows; the root lets them converge.
const ROOT_DIVISOR: f64 = 4.0;

/// After this many segments, half of them and of the losses among them are forgotten.
const LOSS_MEMORY_SEGMENTS: f64 = 1_000.0;

/// The weight of a new ACK in the mean number of segments per ACK.
const ACK_WEIGHT: f64 = 1.0 / 16.0;

#[derive(Debug, Clone, Default)]
pub(super) struct Path {
    min_rtt: WindowedFilter<Duration>,
    rtt_period_began: Option<Instant>,
    /// In segments a second.
    max_rate: WindowedFilter<f64>,
    /// The mean number of segments that an ACK covers beyond the first.
    extra_segments_per_ack: f64,
    /// Losses among `acknowledged`.
    losses: f64,
    acknowledged: f64,
}

/// A windowed minimum or maximum over the previous period and the current one. It needs two values, where the exact
/// minimum of a sliding window needs a list.
#[derive(Debug, Clone, Copy, Default)]
struct WindowedFilter<T> {
    previous: Option<T>,
    current: Option<T>,
}

/// Consecutively acknowledged segments of one round: a packet train.
#[derive(Debug, Clone, Copy)]
pub(super) struct PacketTrain {
    pub(super) first: AckSample,
}

impl Path {
    /// Records the round trip and the number of segments of a sample.
    pub(super) fn record(&mut self, sample: &AckSample) {
        self.record_rtt(sample.now, sample.round_trip());
        let extra = sample.advance.saturating_sub(1) as f64;
        self.extra_segments_per_ack += (extra - self.extra_segments_per_ack) * ACK_WEIGHT;
        self.acknowledged += sample.advance as f64;
        if self.acknowledged > LOSS_MEMORY_SEGMENTS {
            self.acknowledged /= 2.0;
            self.losses /= 2.0;
        }
    }

    pub(super) fn record_loss(&mut self) {
        self.losses += 1.0;
    }

    /// The mean number of segments between two losses; infinite without losses.
    pub(super) fn segments_between_losses(&self) -> f64 {
        self.acknowledged / self.losses
    }

    pub(super) fn record_rtt(&mut self, now: Instant, round_trip: Duration) {
        let began = *self.rtt_period_began.get_or_insert(now);
        if now.saturating_duration_since(began) > RTT_PERIOD {
            self.rtt_period_began = Some(now);
            self.min_rtt.end_period();
        }
        self.min_rtt
            .update(round_trip.max(MIN_ROUND_TRIP), Duration::min);
    }

    /// Records a measured rate, in segments a second.
    pub(super) fn record_rate(&mut self, rate: f64) {
        self.max_rate.update(rate, f64::max);
    }

    /// Replaces the estimated rate by a more reliable one, which may be lower.
    pub(super) fn replace_rate(&mut self, rate: f64) {
        self.max_rate = WindowedFilter {
            previous: None,
            current: Some(rate),
        };
    }

    /// Ends the period of the maximum rate if `observations` is a multiple of its length.
    pub(super) fn age_rate(&mut self, observations: u32) {
        if observations.is_multiple_of(RATE_PERIOD) {
            self.max_rate.end_period();
        }
    }

    /// The minimum round trip of the last periods, or zero before the first sample.
    pub(super) fn min_rtt(&self) -> Duration {
        self.min_rtt.get(Duration::min).unwrap_or_default()
    }

    /// The maximum rate of the last periods, in segments a second, or 0 before the first measurement.
    pub(super) fn max_rate(&self) -> f64 {
        self.max_rate.get(f64::max).unwrap_or_default()
    }

    /// The bandwidth-delay product in segments.
    pub(super) fn bdp(&self) -> f64 {
        self.max_rate() * self.min_rtt().as_secs_f64()
    }

    /// The segments that a stream with this many in flight keeps in the queue, plus those that its receiver collects
    /// before it sends an ACK.
    pub(super) fn margin(&self, in_flight: f64) -> f64 {
        (in_flight.sqrt() / ROOT_DIVISOR).max(1.0) + self.extra_segments_per_ack
    }
}

impl<T: Copy> WindowedFilter<T> {
    /// Adds a value. `select` is `min` or `max`.
    fn update(&mut self, value: T, select: fn(T, T) -> T) {
        self.current = Some(self.current.map_or(value, |current| select(current, value)));
    }

    fn get(&self, select: fn(T, T) -> T) -> Option<T> {
        [self.previous, self.current]
            .into_iter()
            .flatten()
            .reduce(select)
    }

    /// Drops the previous period. An empty current period keeps it: an old value is better than none.
    fn end_period(&mut self) {
        if self.current.is_some() {
            self.previous = self.current.take();
        }
    }
}

impl PacketTrain {
    /// Whether a sample continues this train.
    pub(super) fn includes(&self, sample: &AckSample) -> bool {
        self.first.round == sample.round
    }

    /// The number of segments after the first, up to `sample`.
    pub(super) fn segments(&self, sample: &AckSample) -> u64 {
        sample.cumulative.saturating_sub(self.first.cumulative)
    }

    /// Whether the ACKs are much further apart than the transmissions were. The bottleneck has then spread the train, and
    /// the spacing is its rate.
    pub(super) fn was_spread_by_path(&self, sample: &AckSample) -> bool {
        self.sent_within(sample) * 2 < self.acknowledged_within(sample)
    }

    /// Whether the train lasts long enough that scheduling delays matter little. ACKs that waited for this process are
    /// handled all at once, and would make the path look faster.
    pub(super) fn is_measurable(&self, sample: &AckSample) -> bool {
        self.elapsed(sample) >= MIN_ROUND_TRIP
    }

    /// The rate in segments a second. It never exceeds the rate at which the train was sent.
    pub(super) fn rate(&self, sample: &AckSample) -> f64 {
        // The clock may give the same time twice.
        let elapsed = self.elapsed(sample).max(Duration::from_micros(1));
        self.segments(sample) as f64 / elapsed.as_secs_f64()
    }

    fn elapsed(&self, sample: &AckSample) -> Duration {
        self.acknowledged_within(sample)
            .max(self.sent_within(sample))
    }

    fn acknowledged_within(&self, sample: &AckSample) -> Duration {
        sample.now.saturating_duration_since(self.first.now)
    }

    fn sent_within(&self, sample: &AckSample) -> Duration {
        sample.sent.saturating_duration_since(self.first.sent)
    }
}
