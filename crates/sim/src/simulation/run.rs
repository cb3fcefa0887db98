//! One run: streams, links and the queue of events between them.

use std::time::{Duration, Instant};

use backroom_gbn::{Ack, Window};
use backroom_vocabulary::Delivery;

use super::events::EventQueue;
use super::network::Network;
use super::observer::{Observer, Step, StepKind};
use super::stream::StreamEnds;
use crate::cell::Cell;
use crate::measurement::{DelayQuantiles, Measurement};
use crate::wire;

/// A run in virtual time.
#[derive(Debug)]
pub(super) struct Simulation<'a, O> {
    cell: &'a Cell,
    start: Instant,
    now: Instant,
    network: Network,
    lanes: Vec<Lane>,
    unfinished: usize,
    events: EventQueue<Event>,
    /// Data segments sent so far.
    sent: u64,
    observer: O,
}

/// A stream and the members it reaches.
#[derive(Debug)]
struct Lane {
    stream: StreamEnds,
    /// Index of the stream's first receiver among all receivers.
    first_receiver: usize,
    /// The earliest wake-up that is scheduled and not past.
    wake_up: Option<Instant>,
    finished: bool,
}

#[derive(Debug)]
enum Event {
    /// A data segment reaches a receiver's ingress.
    Data {
        lane: usize,
        receiver: usize,
        seq: u64,
        round: u16,
    },
    /// An ACK reaches the sender's ingress.
    Ack {
        lane: usize,
        receiver: usize,
        ack: Ack,
    },
    /// A timer of a sender may have expired.
    WakeUp { lane: usize },
}

/// Longest run, in virtual time.
const MAX_DURATION: Duration = Duration::from_secs(7 * 24 * 3600);

/// Maximum number of transmissions in a run. More would take minutes, and no cell of practical interest needs them.
const MAX_SENT: u64 = 200_000_000;

/// Number of events between two calls of `keep_going`.
const EVENTS_BETWEEN_CHECKS: u32 = 1 << 16;

impl<'a, O: Observer> Simulation<'a, O> {
    pub(super) fn new(cell: &'a Cell, seed: u64, epoch: Instant, observer: O) -> Self {
        let lane = |first_receiver: u16, receivers: u16| Lane {
            stream: StreamEnds::new(cell, receivers),
            first_receiver: usize::from(first_receiver),
            wake_up: None,
            finished: false,
        };
        let lanes: Vec<_> = match cell.delivery {
            Delivery::Sequential | Delivery::Parallel => {
                (0..cell.receivers).map(|first| lane(first, 1)).collect()
            }
            Delivery::IpMulticast => vec![lane(0, cell.receivers)],
        };
        Self {
            cell,
            start: epoch,
            now: epoch,
            network: Network::new(cell, seed),
            unfinished: lanes.len(),
            lanes,
            events: EventQueue::new(),
            sent: 0,
            observer,
        }
    }

    /// Runs until every receiver has the file or the run is given up. `None` if `keep_going` returned false.
    pub(super) fn carry_out(mut self, mut keep_going: impl FnMut() -> bool) -> Option<Measurement> {
        match self.cell.delivery {
            Delivery::Sequential => self.transmit(0),
            Delivery::Parallel | Delivery::IpMulticast => {
                self.share_among_unfinished();
                self.begin_together();
            }
        }
        let mut until_check = EVENTS_BETWEEN_CHECKS;
        while let Some((at, event)) = self.events.next() {
            self.now = at;
            self.handle(event);
            if self.unfinished == 0 {
                return Some(self.measurement(None));
            }
            if let Some(reason) = self.reason_to_give_up() {
                return Some(self.measurement(Some(reason)));
            }
            until_check -= 1;
            if until_check == 0 {
                until_check = EVENTS_BETWEEN_CHECKS;
                if !keep_going() {
                    return None;
                }
            }
        }
        Some(self.measurement(Some(
            "no event was left before the transfer completed".to_owned(),
        )))
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Data {
                lane,
                receiver,
                seq,
                round,
            } => self.handle_data(lane, receiver, seq, round),
            Event::Ack {
                lane,
                receiver,
                ack,
            } => self.handle_ack(lane, receiver, ack),
            Event::WakeUp { lane } => {
                let woken = &mut self.lanes[lane];
                woken.wake_up = woken.wake_up.filter(|at| *at > self.now);
                woken.stream.handle_timeout(self.now);
                self.observe_go_back(lane);
                self.continue_with(lane);
            }
        }
    }

    /// Handles a segment that reached a receiver, which answers each segment with an ACK.
    fn handle_data(&mut self, lane: usize, receiver: usize, seq: u64, round: u16) {
        let bytes = self.data_packet_bytes(seq);
        let member = self.lanes[lane].first_receiver + receiver;
        if let Err(cause) = self.network.admit_data(self.now, member, bytes) {
            let lost = StepKind::LostAtIngress {
                receiver,
                seq,
                round,
                cause,
            };
            return self.observe(lane, lost);
        }
        let (received, ack) = self.lanes[lane].stream.handle_segment(receiver, seq, round);
        let arrived = StepKind::Arrived {
            receiver,
            seq,
            round,
            received,
        };
        self.observe(lane, arrived);
        if let Some(ack) = ack {
            self.send_ack(lane, receiver, ack);
        }
    }

    fn send_ack(&mut self, lane: usize, receiver: usize, ack: Ack) {
        self.observe(lane, StepKind::AckSent { receiver, ack });
        let member = self.lanes[lane].first_receiver + receiver;
        let bytes = usize::from(wire::ACK_PACKET_BYTES);
        let arrivals = match self.network.send_ack(self.now, member, bytes) {
            Ok(arrivals) => arrivals,
            Err(cause) => {
                return self.observe(lane, StepKind::AckLostAtEgress { receiver, cause });
            }
        };
        for at in arrivals.into_iter().flatten() {
            self.events.schedule(
                at,
                Event::Ack {
                    lane,
                    receiver,
                    ack,
                },
            );
        }
    }

    /// Handles an ACK that reached the sender.
    fn handle_ack(&mut self, lane: usize, receiver: usize, ack: Ack) {
        let bytes = usize::from(wire::ACK_PACKET_BYTES);
        if let Err(cause) = self.network.admit_ack(self.now, bytes) {
            return self.observe(lane, StepKind::AckLostAtIngress { receiver, cause });
        }
        self.lanes[lane].stream.handle_ack(self.now, receiver, ack);
        self.observe(lane, StepKind::AckArrived { receiver, ack });
        self.observe_go_back(lane);
        self.continue_with(lane);
    }

    fn observe_go_back(&mut self, lane: usize) {
        if let Some((to, cause)) = self.lanes[lane].stream.take_go_back() {
            self.observe(lane, StepKind::GoBack { to, cause });
        }
    }

    #[inline]
    fn observe(&mut self, lane: usize, kind: StepKind) {
        self.observer.observe(Step {
            at: self.now - self.start,
            lane,
            base: self.lanes[lane].stream.base(),
            kind,
        });
    }

    /// Sends the first window of every lane, one segment of each lane in turn.
    fn begin_together(&mut self) {
        let mut sent = true;
        while sent {
            sent = false;
            for lane in 0..self.lanes.len() {
                sent |= self.transmit_one(lane);
            }
        }
        (0..self.lanes.len()).for_each(|lane| self.transmit(lane));
    }

    /// Sends one segment with its copies. Returns false if the window allows none.
    fn transmit_one(&mut self, lane: usize) -> bool {
        let Some(transmit) = self.lanes[lane].stream.poll_transmit(self.now) else {
            return false;
        };
        for seq in transmit.datagrams() {
            self.send_data(lane, seq, transmit.round, transmit.retransmission);
        }
        true
    }

    /// Sends all that the window of the lane allows, and schedules the next wake-up of its sender.
    fn transmit(&mut self, lane: usize) {
        while self.transmit_one(lane) {}
        let sending = &mut self.lanes[lane];
        if let Some(at) = sending.stream.poll_timeout()
            && sending.wake_up.is_none_or(|scheduled| at < scheduled)
        {
            sending.wake_up = Some(at);
            self.events.schedule(at, Event::WakeUp { lane });
        }
    }

    fn send_data(&mut self, lane: usize, seq: u64, round: u16, again: bool) {
        self.sent += 1;
        self.observe(lane, StepKind::Sent { seq, round, again });
        let bytes = self.data_packet_bytes(seq);
        let receivers = self.lanes[lane].stream.receivers();
        let arrivals = match self.network.send_data(self.now, bytes) {
            Ok(arrivals) => arrivals,
            Err(cause) => return self.observe(lane, StepKind::LostAtEgress { seq, round, cause }),
        };
        for at in arrivals.into_iter().flatten() {
            for receiver in 0..receivers {
                self.events.schedule(
                    at,
                    Event::Data {
                        lane,
                        receiver,
                        seq,
                        round,
                    },
                );
            }
        }
    }

    /// Lets `lane` send what its window allows. When it has just finished, the next sequential lane starts.
    fn continue_with(&mut self, lane: usize) {
        if !self.lanes[lane].stream.is_finished() {
            self.transmit(lane);
        } else if !self.lanes[lane].finished {
            self.lanes[lane].finished = true;
            self.unfinished -= 1;
            match self.cell.delivery {
                Delivery::Sequential if lane + 1 < self.lanes.len() => self.transmit(lane + 1),
                Delivery::Sequential => {}
                Delivery::Parallel | Delivery::IpMulticast => self.share_among_unfinished(),
            }
        }
    }

    /// Tells every sender how many unfinished streams share the link.
    fn share_among_unfinished(&mut self) {
        for lane in &mut self.lanes {
            lane.stream.set_sharing(self.unfinished);
        }
    }

    /// Why the run can no longer succeed. `None` while it can.
    fn reason_to_give_up(&self) -> Option<String> {
        let cell = self.cell;
        let window = cell.window.fixed().unwrap_or(Window::MAX);
        let datagrams = u64::from(window.segments()) * u64::from(cell.copies.count());
        let in_flight = 4 * datagrams * u64::from(cell.receivers) + 100_000;
        if self.events.len() as u64 > in_flight {
            let reason = "more packets are in flight than four windows hold: the timer is shorter than the round trip";
            return Some(reason.to_owned());
        }
        if self.sent > MAX_SENT {
            return Some(format!("gave up after {MAX_SENT} transmissions"));
        }
        (self.now - self.start > MAX_DURATION)
            .then(|| "gave up after a week of virtual time".to_owned())
    }

    /// Size of the IP packet with segment `seq`. The last segment carries the rest of the file.
    fn data_packet_bytes(&self, seq: u64) -> usize {
        let segment_bytes = u64::from(self.cell.segment_bytes);
        let payload = self
            .cell
            .file_bytes
            .saturating_sub(seq * segment_bytes)
            .min(segment_bytes);
        payload as usize + usize::from(wire::DATA_OVERHEAD_BYTES)
    }

    /// Quantiles over the segments of all streams.
    fn segment_delay(&self) -> Option<DelayQuantiles> {
        let (first, others) = self.lanes.split_first()?;
        let mut delays = first.stream.delays().clone();
        others
            .iter()
            .for_each(|lane| delays.add(lane.stream.delays()));
        let at_ms = |share| Some(delays.quantile(share)?.as_secs_f64() * 1e3);
        Some(DelayQuantiles {
            min_ms: at_ms(0.0)?,
            p50_ms: at_ms(0.5)?,
            p90_ms: at_ms(0.9)?,
            p99_ms: at_ms(0.99)?,
            max_ms: at_ms(1.0)?,
        })
    }

    fn measurement(&self, given_up: Option<String>) -> Measurement {
        let stats = || self.lanes.iter().map(|lane| lane.stream.stats());
        let lost: usize = self
            .lanes
            .iter()
            .map(|lane| lane.stream.lost_receivers())
            .sum();
        let unresponsive = (lost > 0).then(|| {
            format!(
                "{lost} of {} receivers were given up because they sent no ACKs",
                self.cell.receivers
            )
        });
        let failure = given_up.or(unresponsive);
        let min_rtt = stats().filter_map(|stats| stats.min_rtt).min();
        Measurement {
            seconds: failure
                .is_none()
                .then(|| (self.now - self.start).as_secs_f64()),
            segments: self.cell.segments() * self.lanes.len() as u64,
            segments_sent: stats().map(|stats| stats.segments_sent).sum(),
            segments_retransmitted: stats().map(|stats| stats.segments_retransmitted).sum(),
            segments_copied: stats().map(|stats| stats.segments_copied).sum(),
            timeouts: stats().map(|stats| stats.timeouts).sum(),
            go_backs: stats().map(|stats| stats.go_backs).sum(),
            rtt_measured_ms: min_rtt.map(|rtt| rtt.as_secs_f64() * 1e3),
            network: Some(self.network.measurement()),
            segment_delay: self.segment_delay(),
            failure,
            overload: None,
        }
    }
}
