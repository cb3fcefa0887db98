//! The members' links: each one's way out shapes, and where losses are the receivers' own, each one's way in loses.

use std::time::Instant;

use backroom_link::{Link, LinkConfig, Verdict};

use crate::plan::Run;
use crate::record::NetworkMeasurement;
use crate::scenario::LossSide;

/// Every link of one run.
#[derive(Debug)]
pub(super) struct Network {
    sender: Member,
    receivers: Vec<Member>,
    loss_side: LossSide,
}

#[derive(Debug)]
struct Member {
    egress: Link,
    ingress: Link,
}

/// When the copies of a packet arrive: none if it was lost, two if it was duplicated.
pub(super) type Arrivals = [Option<Instant>; 2];

impl Network {
    /// The links of `run`, each with a seed of its own made from the run's.
    pub(super) fn new(run: &Run) -> Self {
        let cell = &run.cell;
        let ingress = LinkConfig {
            loss: cell.ingress_loss(),
            ..LinkConfig::default()
        };
        let member = |number: u16| Member {
            egress: Link::new(cell.egress(), run.egress_seed(number)),
            ingress: Link::new(ingress.clone(), run.ingress_seed(number)),
        };
        Self {
            sender: member(0),
            receivers: (1..=cell.receivers).map(member).collect(),
            loss_side: cell.loss_side,
        }
    }

    /// Sends a data segment on the sender's way out: when it reaches the receivers' ways in.
    pub(super) fn send_data(&mut self, now: Instant, bytes: usize) -> Arrivals {
        arrivals(self.sender.egress.send(now, bytes))
    }

    /// Whether a data segment that has arrived at `receiver` is let in.
    pub(super) fn admits_data(&mut self, now: Instant, receiver: usize, bytes: usize) -> bool {
        admits(&mut self.receivers[receiver].ingress, now, bytes)
    }

    /// Sends an ACK on the way out of `receiver`: when it reaches the sender's way in.
    pub(super) fn send_ack(&mut self, now: Instant, receiver: usize, bytes: usize) -> Arrivals {
        arrivals(self.receivers[receiver].egress.send(now, bytes))
    }

    /// Whether an ACK that has arrived at the sender is let in.
    pub(super) fn admits_ack(&mut self, now: Instant, bytes: usize) -> bool {
        admits(&mut self.sender.ingress, now, bytes)
    }

    /// What the links counted. Packets are counted where loss is decided.
    pub(super) fn measurement(&self) -> NetworkMeasurement {
        let members = || std::iter::once(&self.sender).chain(&self.receivers);
        let deciding = members().map(|member| match self.loss_side {
            LossSide::Sender => member.egress.stats(),
            LossSide::Receivers => member.ingress.stats(),
        });
        let queue_drops = members()
            .map(|member| member.egress.stats().dropped_by_queue)
            .sum();
        deciding.fold(NetworkMeasurement::default(), |sum, stats| {
            NetworkMeasurement {
                packets: sum.packets + stats.offered,
                packets_lost: sum.packets_lost + stats.dropped_by_loss,
                queue_drops,
            }
        })
    }
}

fn arrivals(verdict: Verdict) -> Arrivals {
    match verdict {
        Verdict::Deliver { at, duplicate_at } => [Some(at), duplicate_at],
        Verdict::Drop(_) => [None; 2],
    }
}

fn admits(ingress: &mut Link, now: Instant, bytes: usize) -> bool {
    matches!(ingress.send(now, bytes), Verdict::Deliver { .. })
}
