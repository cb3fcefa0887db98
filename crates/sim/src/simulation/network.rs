//! The members' links. Each member's egress shapes its packets. Where receivers lose independently, their ingress drops.

use std::time::{Duration, Instant};

use backroom_link::{DropCause, Link, LinkConfig, Verdict};
use backroom_vocabulary::trace::LossCause;

use crate::cell::{Cell, egress_seed, ingress_seed};
use crate::loss::LossSide;
use crate::measurement::{NetworkMeasurement, ms};

/// Every link of one run.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) sender: Member,
    pub(super) receivers: Vec<Member>,
    loss_side: LossSide,
}

/// The links of a member.
#[derive(Debug)]
pub(super) struct Member {
    egress: Link,
    ingress: Link,
    /// Packets delivered by the egress, and the sum of their delays without queueing and transmission.
    delivered: u32,
    delays: Duration,
}

/// Arrival times of a packet, two if it was duplicated, or what lost it.
pub(super) type Arrivals = Result<[Option<Instant>; 2], LossCause>;

impl Network {
    /// The links of a run, each with its own seed derived from the run's.
    pub(super) fn new(cell: &Cell, seed: u64) -> Self {
        let ingress = LinkConfig {
            loss: cell.ingress_loss(),
            ..LinkConfig::default()
        };
        let member = |number: u16| Member {
            egress: Link::new(cell.egress(), egress_seed(seed, number)),
            ingress: Link::new(ingress.clone(), ingress_seed(seed, number)),
            delivered: 0,
            delays: Duration::ZERO,
        };
        Self {
            sender: member(0),
            receivers: (1..=cell.receivers).map(member).collect(),
            loss_side: cell.loss_side,
        }
    }

    /// The links' counts. Packets are counted on the side where loss is decided.
    pub(super) fn measurement(&self) -> NetworkMeasurement {
        let rate = self.sender.egress.stats().rate_measured();
        let mut network = NetworkMeasurement {
            rtt_ms: self.rtt_ms(),
            rate_mbps: rate.map(|rate| rate / 1e6),
            ..NetworkMeasurement::default()
        };
        for member in std::iter::once(&self.sender).chain(&self.receivers) {
            let deciding = match self.loss_side {
                LossSide::Sender => member.egress.stats(),
                LossSide::Receivers => member.ingress.stats(),
            };
            network.packets += deciding.offered;
            network.packets_lost += deciding.dropped_by_loss;
            network.queue_drops += member.egress.stats().dropped_by_queue;
        }
        network
    }

    /// The round trip without queueing and transmission: the mean delay of the sender's egress plus the largest mean
    /// delay of the receivers'.
    fn rtt_ms(&self) -> Option<f64> {
        let back = self.receivers.iter().filter_map(Member::mean_delay).max();
        Some(ms(self.sender.mean_delay()? + back?))
    }
}

impl Member {
    /// Sends a packet at the egress. Returns when it reaches the ingress of its destination.
    pub(super) fn send(&mut self, now: Instant, bytes: usize) -> Arrivals {
        let queueing = self.egress.backlog(now);
        match self.egress.send(now, bytes) {
            Verdict::Deliver { at, duplicate_at } => {
                let rate = self.egress.config().rate;
                let transmission =
                    rate.map_or(Duration::ZERO, |rate| rate.transmission_time(bytes));
                self.delays += at.saturating_duration_since(now + queueing + transmission);
                self.delivered += 1;
                Ok([Some(at), duplicate_at])
            }
            Verdict::Drop(cause) => Err(loss_cause(cause)),
        }
    }

    /// Passes a packet through the ingress, which may drop it.
    pub(super) fn admit(&mut self, now: Instant, bytes: usize) -> Result<(), LossCause> {
        match self.ingress.send(now, bytes) {
            Verdict::Deliver { .. } => Ok(()),
            Verdict::Drop(cause) => Err(loss_cause(cause)),
        }
    }

    fn mean_delay(&self) -> Option<Duration> {
        (self.delivered > 0).then(|| self.delays / self.delivered)
    }
}

fn loss_cause(cause: DropCause) -> LossCause {
    match cause {
        DropCause::Loss => LossCause::Loss,
        DropCause::Queue => LossCause::Queue,
    }
}
