//! What a stream knows of its path: the least round trip and the greatest rate of the last seconds.

use std::time::{Duration, Instant};

use super::Answer;

/// Shorter round trips are mostly those of schedulers, and are taken as this: the tick of the timers.
pub(super) const LEAST_ROUND_TRIP: Duration = Duration::from_millis(1);

/// The least round trip is that of one to two times this long.
const ROUND_TRIP_MEMORY: Duration = Duration::from_secs(5);

/// The greatest rate is that of one to two times so many observations.
const RATE_MEMORY: u32 = 8;

/// The queue that a stream keeps is the window's root over this, but one segment at least. The root makes the shares of
/// streams equal whose windows are not.
const ROOT_DIVISOR: f64 = 4.0;

/// After so many segments half of them are forgotten, and of the losses among them.
const LOSS_MEMORY: f64 = 1_000.0;

/// How much of a new ACK goes into the mean of segments per ACK.
const ACK_WEIGHT: f64 = 1.0 / 16.0;

/// Estimates of the path.
#[derive(Debug, Clone, Default)]
pub(super) struct Path {
    base: Extreme<Duration>,
    base_since: Option<Instant>,
    /// Segments a second.
    rate: Extreme<f64>,
    /// Mean, beyond the first.
    segments_per_ack: f64,
    /// Of the last thousand segments or so.
    losses: f64,
    answered: f64,
}

/// An extreme of the last period, and of this one so far.
#[derive(Debug, Clone, Copy, Default)]
struct Extreme<T> {
    old: Option<T>,
    new: Option<T>,
}

/// Segments of one round that were answered one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Train {
    first: Answer,
}

impl Path {
    /// Takes note of an answer's round trip, and of how many segments it answers.
    pub(super) fn note(&mut self, answer: &Answer) {
        self.note_round_trip(answer.now, answer.round_trip());
        let more = answer.advance.saturating_sub(1) as f64;
        self.segments_per_ack += (more - self.segments_per_ack) * ACK_WEIGHT;
        self.answered += answer.advance as f64;
        if self.answered > LOSS_MEMORY {
            self.answered /= 2.0;
            self.losses /= 2.0;
        }
    }

    /// Takes note of a loss.
    pub(super) fn note_loss(&mut self) {
        self.losses += 1.0;
    }

    /// How many segments come between two losses, on average; without limit where none was lost.
    pub(super) fn segments_between_losses(&self) -> f64 {
        self.answered / self.losses
    }

    /// Takes note of a round trip, of which the least counts.
    pub(super) fn note_round_trip(&mut self, now: Instant, round_trip: Duration) {
        let since = *self.base_since.get_or_insert(now);
        if now.saturating_duration_since(since) > ROUND_TRIP_MEMORY {
            self.base_since = Some(now);
            self.base.age();
        }
        let round_trip = round_trip.max(LEAST_ROUND_TRIP);
        let least = self.base.new.map_or(round_trip, |new| new.min(round_trip));
        self.base.new = Some(least);
    }

    /// Takes note of a rate, of which the greatest counts.
    pub(super) fn note_rate(&mut self, rate: f64) {
        self.rate.new = Some(self.rate.new.map_or(rate, |new| new.max(rate)));
    }

    /// Takes a rate for the one that is known better.
    pub(super) fn replace_rate(&mut self, rate: f64) {
        self.rate = Extreme {
            old: None,
            new: Some(rate),
        };
    }

    /// Forgets old rates now and then.
    pub(super) fn age_rate(&mut self, observations: u32) {
        if observations.is_multiple_of(RATE_MEMORY) {
            self.rate.age();
        }
    }

    /// The least round trip.
    pub(super) fn base(&self) -> Duration {
        let both = [self.base.old, self.base.new];
        both.into_iter().flatten().min().unwrap_or_default()
    }

    /// The greatest rate, in segments a second.
    pub(super) fn rate(&self) -> f64 {
        let both = [self.rate.old, self.rate.new];
        both.into_iter().flatten().fold(0.0, f64::max)
    }

    /// The segments that fill the path.
    pub(super) fn segments(&self) -> f64 {
        self.rate() * self.base().as_secs_f64()
    }

    /// What a stream with this many on the way keeps in the queue, and what its receiver collects for an ACK.
    pub(super) fn margin(&self, on_the_way: f64) -> f64 {
        (on_the_way.sqrt() / ROOT_DIVISOR).max(1.0) + self.segments_per_ack
    }
}

impl<T> Extreme<T> {
    fn age(&mut self) {
        if self.new.is_some() {
            self.old = self.new.take();
        }
    }
}

impl Train {
    pub(super) fn new(first: &Answer) -> Self {
        Self { first: *first }
    }

    pub(super) fn is_of(&self, answer: &Answer) -> bool {
        self.first.round == answer.round
    }

    /// Segments up to `answer`, behind the first.
    pub(super) fn segments(&self, answer: &Answer) -> u64 {
        answer.cumulative.saturating_sub(self.first.cumulative)
    }

    /// Whether the segments arrived much farther apart than they were sent: then that is the bottleneck's doing.
    pub(super) fn was_spread_by_path(&self, answer: &Answer) -> bool {
        self.sent_within(answer) * 2 < self.answered_within(answer)
    }

    /// Whether it lasted so long that it matters little when a program looked. ACKs that waited for that are taken all at once.
    pub(super) fn is_measurable(&self, answer: &Answer) -> bool {
        self.answered_within(answer).max(self.sent_within(answer)) >= LEAST_ROUND_TRIP
    }

    /// Segments a second: not more than were sent.
    pub(super) fn rate(&self, answer: &Answer) -> f64 {
        let elapsed = self.answered_within(answer).max(self.sent_within(answer));
        // A clock need not tell two moments apart.
        let elapsed = elapsed.max(Duration::from_micros(1));
        self.segments(answer) as f64 / elapsed.as_secs_f64()
    }

    fn answered_within(&self, answer: &Answer) -> Duration {
        answer.now.saturating_duration_since(self.first.now)
    }

    fn sent_within(&self, answer: &Answer) -> Duration {
        answer.sent.saturating_duration_since(self.first.sent)
    }
}
