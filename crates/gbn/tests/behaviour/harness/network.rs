//! The links, and the packets in flight.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use backroom_gbn::Ack;
use backroom_link::{Link, LinkStats, Verdict};

use super::scenario::Scenario;

/// A scheduled event.
#[derive(Debug, Clone)]
pub(crate) enum DueEvent {
    /// A segment reaches a receiver's last hop.
    AtLastHop { receiver: u16, segment: Segment },
    /// A segment reaches its receiver.
    Segment { receiver: u16, segment: Segment },
    /// An ACK reaches the sender.
    Ack { receiver: u16, ack: Ack },
    /// A receiver has waited long enough for more segments to acknowledge.
    Acknowledge { receiver: u16 },
    /// A receiver's application reads from its buffer.
    TakeOut { receiver: u16 },
    /// The sender's link is idle.
    LinkIdle,
}

#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) seq: u64,
    pub(crate) round: u16,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Network {
    data: Link,
    last_hops: Vec<Link>,
    acks: Vec<Link>,
    segment_bytes: usize,
    ack_bytes: usize,
    due: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
    /// Whether the sender waits for its link.
    link_idle_is_due: bool,
}

/// Ordered by time, then by the order of scheduling.
struct Scheduled {
    at: Instant,
    number: u64,
    due: DueEvent,
}

impl Network {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let seed = |kind: u64, receiver: u16| {
            scenario.seed.wrapping_mul(1_000_003) ^ (kind << 32) ^ u64::from(receiver)
        };
        let link =
            |kind, receiver, config: &_| Link::new(Clone::clone(config), seed(kind, receiver));
        Self {
            data: link(1, 0, &scenario.data),
            last_hops: (0..scenario.receivers)
                .map(|r| link(2, r, scenario.last_hop_of(r)))
                .collect(),
            acks: (0..scenario.receivers)
                .map(|r| link(3, r, &scenario.ack))
                .collect(),
            segment_bytes: scenario.segment_bytes,
            ack_bytes: scenario.ack_bytes,
            due: BinaryHeap::new(),
            scheduled: 0,
            link_idle_is_due: false,
        }
    }

    /// Sends a segment to all receivers.
    pub(crate) fn send_segment(&mut self, now: Instant, segment: &Segment) {
        for at in arrivals(self.data.send(now, self.segment_bytes)) {
            for receiver in 0..self.last_hops.len() as u16 {
                self.schedule(
                    at,
                    DueEvent::AtLastHop {
                        receiver,
                        segment: segment.clone(),
                    },
                );
            }
        }
    }

    pub(crate) fn send_over_last_hop(&mut self, now: Instant, receiver: u16, segment: &Segment) {
        let link = &mut self.last_hops[usize::from(receiver)];
        for at in arrivals(link.send(now, self.segment_bytes)) {
            self.schedule(
                at,
                DueEvent::Segment {
                    receiver,
                    segment: segment.clone(),
                },
            );
        }
    }

    pub(crate) fn send_ack(&mut self, now: Instant, receiver: u16, ack: Ack) {
        let link = &mut self.acks[usize::from(receiver)];
        for at in arrivals(link.send(now, self.ack_bytes)) {
            self.schedule(at, DueEvent::Ack { receiver, ack });
        }
    }

    /// Schedules [`DueEvent::LinkIdle`] for when the sender's link is idle.
    pub(crate) fn wait_for_link(&mut self, now: Instant) {
        if !self.link_idle_is_due {
            self.link_idle_is_due = true;
            self.schedule(now + self.backlog(now), DueEvent::LinkIdle);
        }
    }

    pub(crate) fn schedule(&mut self, at: Instant, due: DueEvent) {
        self.scheduled += 1;
        self.due.push(Reverse(Scheduled {
            at,
            number: self.scheduled,
            due,
        }));
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse(next)| next.at)
    }

    pub(crate) fn pop(&mut self) -> Option<DueEvent> {
        let Reverse(next) = self.due.pop()?;
        self.link_idle_is_due &= !matches!(next.due, DueEvent::LinkIdle);
        Some(next.due)
    }

    /// The time for which the sender's link is still busy.
    pub(crate) fn backlog(&self, now: Instant) -> Duration {
        self.data.backlog(now)
    }

    /// Segments dropped for any reason.
    pub(crate) fn losses(&self) -> u64 {
        let links = std::iter::once(&self.data).chain(&self.last_hops);
        links
            .map(Link::stats)
            .map(|stats| stats.dropped_by_loss + stats.dropped_by_queue)
            .sum()
    }

    pub(crate) fn data_stats(&self) -> LinkStats {
        self.data.stats()
    }
}

fn arrivals(verdict: Verdict) -> impl Iterator<Item = Instant> {
    let (at, duplicate_at) = match verdict {
        Verdict::Deliver { at, duplicate_at } => (Some(at), duplicate_at),
        Verdict::Drop(_) => (None, None),
    };
    at.into_iter().chain(duplicate_at)
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scheduled {}
