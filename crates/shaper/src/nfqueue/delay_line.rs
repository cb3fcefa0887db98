//! The packets on a link: which are dropped, which are held, and when each is released. Sans-IO: ids and times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use backroom_link::{DropCause, Link, LinkConfig, Rate, Verdict};
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
    counts: DirectionStats,
    sojourn: Histogram<u64>,
    lateness: Histogram<u64>,
    propagation: Histogram<u64>,
    busy: BusyPeriods,
}

/// What happens to an offered packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Drop it now.
    Dropped,
    /// Hold it until [`DelayLine::release`] returns it.
    Held,
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
            transmitter: Transmitter::new(config.rate),
            link: Link::new(config, seed),
            held: BinaryHeap::new(),
            arrivals: 0,
            counts: DirectionStats::default(),
            sojourn: histogram(),
            lateness: histogram(),
            propagation: histogram(),
            busy: BusyPeriods::default(),
        }
    }

    /// A packet of `bytes` arrived at `now`.
    pub(super) fn offer(&mut self, now: Instant, id: u32, bytes: usize) -> Outcome {
        self.counts.offered += 1;
        self.counts.offered_bytes += bytes as u64;
        match self.link.send(now, bytes) {
            Verdict::Deliver { at, .. } => {
                self.arrivals += 1;
                self.held.push(Reverse(Held {
                    due: at,
                    arrival: self.arrivals,
                    arrived: now,
                    transmission: self.transmitter.transmit(now, bytes),
                    id,
                    bytes,
                }));
                Outcome::Held
            }
            Verdict::Drop(cause) => {
                match cause {
                    DropCause::Loss => self.counts.lost += 1,
                    DropCause::Queue => self.counts.queue_drops += 1,
                }
                Outcome::Dropped
            }
        }
    }

    /// Releases the next packet that is due at `now`, if any, and returns its id.
    pub(super) fn release(&mut self, now: Instant) -> Option<u32> {
        if self.next_release()? > now {
            return None;
        }
        let Reverse(held) = self.held.pop()?;
        self.counts.delivered += 1;
        self.counts.delivered_bytes += held.bytes as u64;
        record(
            &mut self.sojourn,
            now.saturating_duration_since(held.arrived),
        );
        record(&mut self.lateness, now.saturating_duration_since(held.due));
        record(
            &mut self.propagation,
            now.saturating_duration_since(held.transmission.ends),
        );
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
        let busy = self.busy.total();
        DirectionStats {
            sojourn: summary(&self.sojourn),
            lateness: summary(&self.lateness),
            propagation: summary(&self.propagation),
            busy_rate_mbps: busy.rate_mbps(),
            busy_seconds: busy.seconds,
            ..self.counts.clone()
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
    fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            free_at: None,
        }
    }

    fn transmit(&mut self, now: Instant, bytes: usize) -> Transmission {
        let Some(rate) = self.rate else {
            return Transmission {
                ends: now,
                duration: Duration::ZERO,
                waited: false,
            };
        };
        let begins = self.free_at.map_or(now, |free_at| free_at.max(now));
        let duration = rate.transmission_time(bytes);
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

impl Busy {
    fn rate_mbps(self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.bits / self.seconds / 1e6)
    }
}

/// Nanoseconds with three significant digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_RECORDED_TIME.as_nanos() as u64, 3)
        .unwrap_or_else(|_| unreachable!("bounds are constants"))
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
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
mod tests {
    use backroom_link::Loss;

    use super::*;

    const PACKET_BYTES: usize = 1250;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// 10 Mbit/s: a packet takes 1 ms.
    fn link(delay_ms: u64) -> LinkConfig {
        LinkConfig {
            rate: Some("10mbit".parse().unwrap()),
            delay: ms(delay_ms),
            ..LinkConfig::default()
        }
    }

    /// Releases everything exactly when it is due. Returns each id with its time.
    fn drain(line: &mut DelayLine, epoch: Instant) -> Vec<(u32, Duration)> {
        std::iter::from_fn(|| {
            let due = line.next_release()?;
            Some((line.release(due)?, due - epoch))
        })
        .collect()
    }

    #[test]
    fn packets_leave_one_transmission_after_the_other_and_arrive_a_delay_later() {
        let epoch = Instant::now();
        let mut line = DelayLine::new(link(10), 1);
        for id in 0..3 {
            assert_eq!(line.offer(epoch, id, PACKET_BYTES), Outcome::Held);
        }
        assert_eq!(
            drain(&mut line, epoch),
            [(0, ms(11)), (1, ms(12)), (2, ms(13))]
        );
        assert_eq!(line.next_release(), None);
    }

    #[test]
    fn nothing_is_released_before_it_is_due() {
        let epoch = Instant::now();
        let mut line = DelayLine::new(link(10), 1);
        line.offer(epoch, 7, PACKET_BYTES);
        assert_eq!(line.release(epoch + ms(11) - Duration::from_nanos(1)), None);
        assert_eq!(line.release(epoch + ms(11)), Some(7));
    }

    #[test]
    fn packets_due_at_the_same_time_keep_their_order() {
        let epoch = Instant::now();
        let mut line = DelayLine::new(
            LinkConfig {
                delay: ms(5),
                ..LinkConfig::default()
            },
            1,
        );
        let ids: Vec<u32> = (0..100).map(|id| (id * 37) % 100).collect();
        for &id in &ids {
            line.offer(epoch, id, PACKET_BYTES);
        }
        let left: Vec<u32> = drain(&mut line, epoch)
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        assert_eq!(left, ids);
    }

    #[test]
    fn losses_and_queue_drops_are_counted_separately() {
        let epoch = Instant::now();
        let config = LinkConfig {
            queue: Some(2),
            loss: Loss::Droplist(vec![1]),
            ..link(0)
        };
        let mut line = DelayLine::new(config, 1);
        let outcomes: Vec<Outcome> = (0..4)
            .map(|id| line.offer(epoch, id, PACKET_BYTES))
            .collect();
        assert_eq!(
            outcomes,
            [
                Outcome::Held,
                Outcome::Dropped,
                Outcome::Held,
                Outcome::Dropped
            ]
        );
        drain(&mut line, epoch);
        let stats = line.stats();
        assert_eq!(
            (
                stats.offered,
                stats.lost,
                stats.queue_drops,
                stats.delivered
            ),
            (4, 1, 1, 2)
        );
        assert_eq!((stats.offered_bytes, stats.delivered_bytes), (5000, 2500));
    }

    #[test]
    fn a_late_release_is_counted_and_lowers_the_rate() {
        let epoch = Instant::now();
        let mut line = DelayLine::new(link(0), 1);
        for id in 0..21 {
            line.offer(epoch, id, PACKET_BYTES);
        }
        for _ in 0..20 {
            let due = line.next_release().unwrap();
            line.release(due);
        }
        assert!((line.stats().busy_rate_mbps.unwrap() - 10.0).abs() < 1e-6);
        line.release(line.next_release().unwrap() + ms(10));
        let stats = line.stats();
        assert!(
            (stats.busy_rate_mbps.unwrap() - 20.0 / 3.0).abs() < 1e-6,
            "{stats:?}"
        );
        assert!(
            (stats.lateness.unwrap().max_ms - 10.0).abs() < 0.01,
            "{stats:?}"
        );
        assert!(
            (stats.sojourn.unwrap().max_ms - 31.0).abs() < 0.04,
            "{stats:?}"
        );
    }

    #[test]
    fn a_pause_is_no_part_of_the_rate() {
        let epoch = Instant::now();
        let mut line = DelayLine::new(link(10), 1);
        for second in 0..5 {
            for id in 0..20 {
                line.offer(epoch + Duration::from_secs(second), id, PACKET_BYTES);
            }
        }
        drain(&mut line, epoch);
        assert!((line.stats().busy_rate_mbps.unwrap() - 10.0).abs() < 1e-6);
    }

    #[test]
    fn short_busy_periods_give_no_rate() {
        let epoch = Instant::now();
        let mut line = DelayLine::new(link(10), 1);
        for second in 0..50 {
            for id in 0..4 {
                line.offer(epoch + Duration::from_secs(second), id, PACKET_BYTES);
            }
        }
        drain(&mut line, epoch);
        assert_eq!(line.stats().busy_rate_mbps, None);
    }

    #[test]
    fn the_measured_delay_excludes_queueing_and_transmission() {
        let epoch = Instant::now();
        let mut line = DelayLine::new(link(10), 1);
        for id in 0..20 {
            line.offer(epoch, id, PACKET_BYTES);
        }
        while let Some(due) = line.next_release() {
            line.release(due + ms(2));
        }
        let stats = line.stats();
        let propagation = stats.propagation.unwrap();
        assert!((propagation.mean_ms - 12.0).abs() < 0.02, "{propagation:?}");
        assert!((stats.busy_rate_mbps.unwrap() - 10.0).abs() < 1e-6);
        assert!((stats.busy_seconds - 0.019).abs() < 1e-6);
    }

    #[test]
    fn abandoned_packets_are_returned_once_in_order() {
        let epoch = Instant::now();
        let mut line = DelayLine::new(link(10), 1);
        for id in 0..5 {
            line.offer(epoch, id, PACKET_BYTES);
        }
        assert_eq!(line.abandon().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(line.release(epoch + ms(100)), None);
    }
}
