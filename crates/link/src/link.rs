//! A link in operation.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::config::LinkConfig;
use crate::loss::LossProcess;
use crate::random::{Impairment, RandomStream};
use crate::stats::LinkStats;

/// The fate of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The packet arrives.
    Deliver {
        /// The time of arrival.
        at: Instant,
        /// The time at which the copy arrives, if the packet was duplicated.
        duplicate_at: Option<Instant>,
    },
    /// The packet does not arrive.
    Drop(DropCause),
}

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropCause {
    /// The loss model dropped it.
    Loss,
    /// The queue was full.
    Queue,
}

/// One direction of a link.
///
/// Deterministic: the same configuration, seed and calls give the same verdicts, in every version of this crate.
#[derive(Debug, Clone)]
pub struct Link {
    config: LinkConfig,
    loss: LossProcess,
    duplicate: RandomStream,
    reorder: RandomStream,
    jitter: RandomStream,
    jitter_of_duplicate: RandomStream,
    transmitter: Transmitter,
    /// The latest arrival so far. No later packet arrives before it, unless it is reordered.
    last_arrival: Option<Instant>,
    stats: LinkStats,
}

impl Link {
    /// Creates an idle link. Call [`LinkConfig::validate`] on the configuration first.
    pub fn new(config: LinkConfig, seed: u64) -> Self {
        let stream = |impairment| RandomStream::new(seed, impairment);
        Self {
            loss: LossProcess::new(config.loss.clone(), seed),
            duplicate: stream(Impairment::Duplicate),
            reorder: stream(Impairment::Reorder),
            jitter: stream(Impairment::Jitter),
            jitter_of_duplicate: stream(Impairment::JitterOfDuplicate),
            transmitter: Transmitter::default(),
            last_arrival: None,
            stats: LinkStats::default(),
            config,
        }
    }

    /// Sends an IP packet of `bytes` and returns its fate. `now` must not decrease between calls.
    pub fn send(&mut self, now: Instant, bytes: usize) -> Verdict {
        self.stats.offered += 1;
        self.stats.bytes_offered += bytes as u64;
        let draws = self.draw();
        if draws.lost {
            self.stats.dropped_by_loss += 1;
            return Verdict::Drop(DropCause::Loss);
        }
        let Some(transmitted_at) = self.transmit(now, bytes) else {
            return Verdict::Drop(DropCause::Queue);
        };
        let at = self.propagate(transmitted_at, draws.reordered, draws.jitter);
        // The copy takes transmission time and queue space of its own, and may be dropped by the queue.
        let duplicate_at = draws.duplicate_jitter.and_then(|jitter| {
            self.stats.duplicated += 1;
            let transmitted_at = self.transmit(now, bytes)?;
            Some(self.propagate(transmitted_at, false, jitter))
        });
        Verdict::Deliver { at, duplicate_at }
    }

    /// The time that a packet sent at `now` would wait in the queue.
    pub fn backlog(&self, now: Instant) -> Duration {
        self.transmitter.backlog(now)
    }

    /// The settings that the link was created with.
    pub fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// The counters so far.
    pub fn stats(&self) -> LinkStats {
        self.stats
    }

    /// Draws all random numbers of the next packet, even those that will not be used: the fate of the n-th packet then
    /// depends on nothing but n.
    fn draw(&mut self) -> Draws {
        let has_jitter = !self.config.jitter.is_zero();
        let jitter = |stream: &mut RandomStream| {
            if has_jitter {
                2.0 * stream.fraction() - 1.0
            } else {
                0.0
            }
        };
        let duplicated =
            self.config.duplicate > 0.0 && self.duplicate.happens(self.config.duplicate);
        let of_packet = jitter(&mut self.jitter);
        let of_duplicate = jitter(&mut self.jitter_of_duplicate);
        Draws {
            lost: self.loss.loses_next(),
            reordered: self.config.reorder > 0.0 && self.reorder.happens(self.config.reorder),
            jitter: of_packet,
            duplicate_jitter: duplicated.then_some(of_duplicate),
        }
    }

    /// Queues and transmits a packet. Returns when its last bit has left, or `None` if the queue is full.
    fn transmit(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        if !self.transmitter.has_space(now, self.config.queue) {
            self.stats.dropped_by_queue += 1;
            return None;
        }
        let transmission = self
            .config
            .rate
            .map_or(Duration::ZERO, |rate| rate.transmission_time(bytes));
        let queueing = self.transmitter.backlog(now).as_nanos() as u64;
        self.stats.delivered += 1;
        self.stats.bytes_delivered += bytes as u64;
        self.stats.busy_ns += transmission.as_nanos() as u64;
        self.stats.queueing_ns += queueing;
        self.stats.queueing_max_ns = self.stats.queueing_max_ns.max(queueing);
        Some(
            self.transmitter
                .transmit(now, transmission, self.config.queue.is_some()),
        )
    }

    /// Returns when a packet arrives whose last bit leaves at `transmitted_at`. `jitter` is from -1 to 1.
    fn propagate(&mut self, transmitted_at: Instant, reordered: bool, jitter: f64) -> Instant {
        if reordered {
            self.stats.reordered += 1;
            return transmitted_at;
        }
        let offset = self.config.jitter.mul_f64(jitter.abs());
        let delay = if jitter < 0.0 {
            self.config.delay.saturating_sub(offset)
        } else {
            self.config.delay + offset
        };
        let arrival = transmitted_at + delay;
        let in_order = self.last_arrival.map_or(arrival, |last| arrival.max(last));
        self.last_arrival = Some(in_order);
        in_order
    }
}

/// The random decisions about one packet.
struct Draws {
    lost: bool,
    reordered: bool,
    /// From -1 to 1.
    jitter: f64,
    /// The copy's jitter, if the packet is duplicated.
    duplicate_jitter: Option<f64>,
}

/// A FIFO server: transmits one packet at a time.
#[derive(Debug, Clone, Default)]
struct Transmitter {
    free_at: Option<Instant>,
    /// The departure time of each queued packet. Kept only for a limited queue, whose limit also bounds this list.
    departures: VecDeque<Instant>,
}

impl Transmitter {
    fn backlog(&self, now: Instant) -> Duration {
        self.free_at.map_or(Duration::ZERO, |free_at| {
            free_at.saturating_duration_since(now)
        })
    }

    fn has_space(&mut self, now: Instant, limit: Option<usize>) -> bool {
        let Some(limit) = limit else { return true };
        while self
            .departures
            .front()
            .is_some_and(|departure| *departure <= now)
        {
            self.departures.pop_front();
        }
        self.departures.len() < limit
    }

    fn transmit(&mut self, now: Instant, transmission: Duration, is_limited: bool) -> Instant {
        let departure = self.free_at.map_or(now, |free_at| free_at.max(now)) + transmission;
        self.free_at = Some(departure);
        if is_limited {
            self.departures.push_back(departure);
        }
        departure
    }
}
