//! The packets on a link: which are dropped, which are held, and when each is released. Sans-IO: ids and times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use backroom_link::{Link, LinkConfig, Rate, Verdict};
use hdrhistogram::Histogram;

use crate::protocol::{DirectionStats, TimeSummary};

/// Longer times are recorded as this.
const MAX_RECORDED_TIME: Duration = Duration::from_secs(600);

/// The packets that one direction of a link holds.
///
/// After any [`offer`](Self::offer), drain [`release`](Self::release) before waiting until
/// [`next_release`](Self::next_release).
///
/// A second transmitter that only knows the rate checks the link model: the time from the end of a packet's transmission
/// there to its release is the delay that the packet really had.
pub(super) struct DelayLine {
    link: Link,
    transmitter: Transmitter,
    held: BinaryHeap<Reverse<Held>>,
    arrivals: u64,
    delivered: u64,
    delivered_bytes: u64,
    sojourn: Histogram<u64>,
    lateness: Histogram<u64>,
    propagation: Histogram<u64>,
    busy: BusyPeriods,
}

/// Ordered by due time. Packets due at the same time keep their order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    due: Instant,
    arrival: u64,
    arrived: Instant,
    transmission: Transmission,
    id: u32,
    bytes: usize,
}

impl DelayLine {
    pub(super) fn new(config: LinkConfig, seed: u64) -> Self {
        Self {
            transmitter: Transmitter {
                rate: config.rate,
                free_at: None,
            },
            link: Link::new(config, seed),
            held: BinaryHeap::new(),
            arrivals: 0,
            delivered: 0,
            delivered_bytes: 0,
            sojourn: histogram(),
            lateness: histogram(),
            propagation: histogram(),
            busy: BusyPeriods::default(),
        }
    }

    /// A packet of `bytes` arrived at `now`. It is held until [`release`](Self::release) returns it, or dropped at once:
    /// then this returns false.
    pub(super) fn offer(&mut self, now: Instant, id: u32, bytes: usize) -> bool {
        let Verdict::Deliver { at, .. } = self.link.send(now, bytes) else {
            return false;
        };
        self.arrivals += 1;
        self.held.push(Reverse(Held {
            due: at,
            arrival: self.arrivals,
            arrived: now,
            transmission: self.transmitter.transmit(now, bytes),
            id,
            bytes,
        }));
        true
    }

    /// Releases the next packet that is due at `now`, if any, and returns its id.
    pub(super) fn release(&mut self, now: Instant) -> Option<u32> {
        if self.next_release()? > now {
            return None;
        }
        let Reverse(held) = self.held.pop()?;
        self.delivered += 1;
        self.delivered_bytes += held.bytes as u64;
        record(&mut self.sojourn, held.arrived, now);
        record(&mut self.lateness, held.due, now);
        record(&mut self.propagation, held.transmission.ends, now);
        self.busy.add(&held, now);
        Some(held.id)
    }

    /// When the next packet is due.
    pub(super) fn next_release(&self) -> Option<Instant> {
        self.held.peek().map(|Reverse(held)| held.due)
    }

    /// Removes all held packets. Returns their ids in the order in which they were due.
    pub(super) fn abandon(&mut self) -> impl Iterator<Item = u32> + use<> {
        let mut held = std::mem::take(&mut self.held).into_vec();
        held.sort_by_key(|&Reverse(held)| held);
        held.into_iter().map(|Reverse(held)| held.id)
    }

    pub(super) fn stats(&self) -> DirectionStats {
        let (link, busy) = (self.link.stats(), self.busy.total());
        DirectionStats {
            offered: link.offered,
            offered_bytes: link.bytes_offered,
            lost: link.dropped_by_loss,
            queue_drops: link.dropped_by_queue,
            overrun: 0,
            delivered: self.delivered,
            delivered_bytes: self.delivered_bytes,
            sojourn: summary(&self.sojourn),
            lateness: summary(&self.lateness),
            propagation: summary(&self.propagation),
            busy_rate_mbps: (busy.seconds > 0.0).then(|| busy.bits / busy.seconds / 1e6),
            busy_seconds: busy.seconds,
        }
    }
}

/// Transmits packets back to back at a rate, without a queue limit, delay or loss.
#[derive(Debug)]
struct Transmitter {
    rate: Option<Rate>,
    free_at: Option<Instant>,
}

/// The ideal transmission of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Transmission {
    ends: Instant,
    duration: Duration,
    /// Whether the previous packet was still being transmitted when it arrived.
    waited: bool,
}

impl Transmitter {
    fn transmit(&mut self, now: Instant, bytes: usize) -> Transmission {
        let begins = self.free_at.map_or(now, |free_at| free_at.max(now));
        let duration = self
            .rate
            .map_or(Duration::ZERO, |rate| rate.transmission_time(bytes));
        let ends = begins + duration;
        self.free_at = Some(ends);
        Transmission {
            ends,
            duration,
            waited: begins > now,
        }
    }
}

/// Periods in which packets waited for each other, measured by their real releases. Short periods do not count, because one
/// early or late release at either end would distort the rate.
#[derive(Debug, Default)]
struct BusyPeriods {
    /// Number and release time of the previous packet.
    last: Option<(u64, Instant)>,
    /// The period that has not ended yet, and its ideal length.
    current: Busy,
    planned: Duration,
    ended: Busy,
}

/// How much was sent in how much time.
#[derive(Clone, Copy, Debug, Default)]
struct Busy {
    bits: f64,
    seconds: f64,
}

impl BusyPeriods {
    /// Shortest period that counts. Releases are about 50 µs late.
    const MIN_LENGTH: Duration = Duration::from_millis(10);

    /// Records that `held` was released at `now`.
    fn add(&mut self, held: &Held, now: Instant) {
        match self.last {
            Some((arrival, released))
                if held.transmission.waited && held.arrival == arrival + 1 =>
            {
                self.planned += held.transmission.duration;
                self.current.bits += held.bytes as f64 * 8.0;
                self.current.seconds += now.saturating_duration_since(released).as_secs_f64();
            }
            _ => {
                self.ended = self.total();
                self.current = Busy::default();
                self.planned = Duration::ZERO;
            }
        }
        self.last = Some((held.arrival, now));
    }

    fn total(&self) -> Busy {
        if self.planned < Self::MIN_LENGTH {
            return self.ended;
        }
        Busy {
            bits: self.ended.bits + self.current.bits,
            seconds: self.ended.seconds + self.current.seconds,
        }
    }
}

/// Nanoseconds with three significant digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_RECORDED_TIME.as_nanos() as u64, 3)
        .unwrap_or_else(|_| unreachable!("bounds are constants"))
}

fn record(histogram: &mut Histogram<u64>, from: Instant, to: Instant) {
    let time = to.saturating_duration_since(from).as_nanos();
    histogram.saturating_record(u64::try_from(time).unwrap_or(u64::MAX));
}

fn summary(histogram: &Histogram<u64>) -> Option<TimeSummary> {
    let ms = |nanoseconds: u64| nanoseconds as f64 / 1e6;
    (!histogram.is_empty()).then(|| TimeSummary {
        min_ms: ms(histogram.min()),
        mean_ms: histogram.mean() / 1e6,
        p50_ms: ms(histogram.value_at_quantile(0.5)),
        p99_ms: ms(histogram.value_at_quantile(0.99)),
        max_ms: ms(histogram.max()),
    })
}

#[cfg(test)]
mod tests;
