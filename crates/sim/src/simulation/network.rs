//! The members' links. Each member's egress shapes its packets. Where receivers lose independently, their ingress drops.

use std::time::{Duration, Instant};

use backroom_link::{DropCause, Link, LinkConfig, Verdict};

use crate::cell::{Cell, egress_seed, ingress_seed};
use crate::measurement::NetworkMeasurement;
use crate::values::LossSide;

/// Every link of one run.
#[derive(Debug)]
pub(super) struct Network {
    sender: Member,
    receivers: Vec<Member>,
    loss_side: LossSide,
}

#[derive(Debug)]
struct Member {
    egress: Egress,
    ingress: Link,
}

/// An egress link with the sum of the delays of its packets, excluding queueing and transmission.
#[derive(Debug)]
struct Egress {
    link: Link,
    delays: Duration,
    delivered: u32,
}

/// Arrival times of a packet, two if it was duplicated, or why it was dropped.
pub(super) type Arrivals = Result<[Option<Instant>; 2], DropCause>;

impl Network {
    /// The links of a run, each with its own seed derived from the run's.
    pub(super) fn new(cell: &Cell, seed: u64) -> Self {
        let ingress = LinkConfig {
            loss: cell.ingress_loss(),
            ..LinkConfig::default()
        };
        let member = |number: u16| Member {
            egress: Egress::new(Link::new(cell.egress(), egress_seed(seed, number))),
            ingress: Link::new(ingress.clone(), ingress_seed(seed, number)),
        };
        Self {
            sender: member(0),
            receivers: (1..=cell.receivers).map(member).collect(),
            loss_side: cell.loss_side,
        }
    }

    /// Sends a data segment at the sender's egress. Returns when it reaches the receivers' ingress.
    pub(super) fn send_data(&mut self, now: Instant, bytes: usize) -> Arrivals {
        self.sender.egress.send(now, bytes)
    }

    /// Passes a data segment through the ingress of `receiver`, which may drop it.
    pub(super) fn admit_data(
        &mut self,
        now: Instant,
        receiver: usize,
        bytes: usize,
    ) -> Result<(), DropCause> {
        admit(&mut self.receivers[receiver].ingress, now, bytes)
    }

    /// Sends an ACK at the egress of `receiver`. Returns when it reaches the sender's ingress.
    pub(super) fn send_ack(&mut self, now: Instant, receiver: usize, bytes: usize) -> Arrivals {
        self.receivers[receiver].egress.send(now, bytes)
    }

    /// Passes an ACK through the ingress of the sender, which may drop it.
    pub(super) fn admit_ack(&mut self, now: Instant, bytes: usize) -> Result<(), DropCause> {
        admit(&mut self.sender.ingress, now, bytes)
    }

    /// The links' counts. Packets are counted on the side where loss is decided.
    pub(super) fn measurement(&self) -> NetworkMeasurement {
        let members = || std::iter::once(&self.sender).chain(&self.receivers);
        let deciding = members().map(|member| match self.loss_side {
            LossSide::Sender => member.egress.link.stats(),
            LossSide::Receivers => member.ingress.stats(),
        });
        let queue_drops = members()
            .map(|member| member.egress.link.stats().dropped_by_queue)
            .sum();
        let network = NetworkMeasurement {
            queue_drops,
            rtt_ms: self.rtt_ms(),
            rate_mbps: self.sender.egress.rate_mbps(),
            ..NetworkMeasurement::default()
        };
        deciding.fold(network, |sum, stats| NetworkMeasurement {
            packets: sum.packets + stats.offered,
            packets_lost: sum.packets_lost + stats.dropped_by_loss,
            ..sum
        })
    }

    /// The round trip without queueing and transmission: the mean delay of the sender's egress plus the largest mean
    /// delay of the receivers'.
    fn rtt_ms(&self) -> Option<f64> {
        let back = self
            .receivers
            .iter()
            .filter_map(|member| member.egress.mean_delay());
        let rtt = self.sender.egress.mean_delay()? + back.max()?;
        Some(rtt.as_secs_f64() * 1e3)
    }
}

impl Egress {
    fn new(link: Link) -> Self {
        Self {
            link,
            delays: Duration::ZERO,
            delivered: 0,
        }
    }

    fn send(&mut self, now: Instant, bytes: usize) -> Arrivals {
        let queueing = self.link.backlog(now);
        match self.link.send(now, bytes) {
            Verdict::Deliver { at, duplicate_at } => {
                let transmission = match self.link.config().rate {
                    Some(rate) => rate.transmission_time(bytes),
                    None => Duration::ZERO,
                };
                self.delays += at.saturating_duration_since(now + queueing + transmission);
                self.delivered += 1;
                Ok([Some(at), duplicate_at])
            }
            Verdict::Drop(cause) => Err(cause),
        }
    }

    fn mean_delay(&self) -> Option<Duration> {
        (self.delivered > 0).then(|| self.delays / self.delivered)
    }

    fn rate_mbps(&self) -> Option<f64> {
        self.link.stats().rate_measured().map(|rate| rate / 1e6)
    }
}

fn admit(ingress: &mut Link, now: Instant, bytes: usize) -> Result<(), DropCause> {
    match ingress.send(now, bytes) {
        Verdict::Deliver { .. } => Ok(()),
        Verdict::Drop(cause) => Err(cause),
    }
}
