//! One run: streams, links and the queue of events between them.

use std::ops::Range;
use std::time::{Duration, Instant};

use backroom_gbn::{Ack, GoBackCause, Receiver, ReceiverId, SegmentDelays, Timeout, Window};
use backroom_vocabulary::Delivery;
use backroom_vocabulary::trace::{Step, StepKind};

use super::events::EventQueue;
use super::network::Network;
use super::stream::Stream;
use crate::cell::Cell;
use crate::measurement::{DelayQuantiles, Measurement, ms};
use crate::wire;

/// A run in virtual time.
pub(super) struct Simulation<'a, F> {
    cell: &'a Cell,
    seed: u64,
    start: Instant,
    now: Instant,
    network: Network,
    streams: Vec<Stream>,
    receivers: Vec<Receiver>,
    /// Streams that are not finished.
    unfinished: usize,
    events: EventQueue<Event>,
    /// Data segments sent so far.
    sent: u64,
    observe: F,
}

/// An event. Receivers are counted from 0.
#[derive(Debug)]
enum Event {
    /// A data segment reaches a receiver's ingress.
    Data {
        receiver: usize,
        seq: u64,
        round: u16,
    },
    /// An ACK reaches the sender's ingress. A trace has its counter.
    Ack {
        receiver: usize,
        ack: Ack,
        counter: Option<u64>,
    },
    /// A timer of a sender may have expired.
    WakeUp { stream: usize },
}

/// Longest run, in virtual time.
const MAX_DURATION: Duration = Duration::from_secs(7 * 24 * 3600);

/// Maximum number of transmissions in a run. More would take minutes, and no cell of practical interest needs them.
const MAX_SENT: u64 = 200_000_000;

/// Number of events between two calls of `keep_going`.
const EVENTS_BETWEEN_CHECKS: u32 = 1 << 16;

/// The receive buffer never fills up in the simulator, because a delivered segment is removed at once.
const FREE_SEGMENTS: u32 = u32::MAX;

impl<'a, F: FnMut(Step)> Simulation<'a, F> {
    pub(super) fn new(cell: &'a Cell, seed: u64, epoch: Instant, observe: F) -> Self {
        let streams: Vec<_> = match cell.delivery {
            Delivery::Sequential | Delivery::Parallel => (0..cell.receivers)
                .map(|receiver| Stream::new(cell, [ReceiverId(receiver)]))
                .collect(),
            Delivery::IpMulticast => {
                vec![Stream::new(cell, (0..cell.receivers).map(ReceiverId))]
            }
        };
        Self {
            cell,
            seed,
            start: epoch,
            now: epoch,
            network: Network::new(cell, seed),
            unfinished: streams.len(),
            streams,
            receivers: vec![Receiver::new(FREE_SEGMENTS); usize::from(cell.receivers)],
            events: EventQueue::new(),
            sent: 0,
            observe,
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
            match event {
                Event::Data {
                    receiver,
                    seq,
                    round,
                } => self.handle_data(receiver, seq, round),
                Event::Ack {
                    receiver,
                    ack,
                    counter,
                } => self.handle_ack(receiver, ack, counter),
                Event::WakeUp { stream } => {
                    self.streams[stream].handle_timeout(self.now);
                    self.continue_with(stream);
                }
            }
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
        let reason = "no event was left before the transfer completed";
        Some(self.measurement(Some(reason.to_owned())))
    }

    /// The stream that serves a receiver.
    fn stream_to(&self, receiver: usize) -> usize {
        match self.cell.delivery {
            Delivery::Sequential | Delivery::Parallel => receiver,
            Delivery::IpMulticast => 0,
        }
    }

    /// The receivers that a stream serves.
    fn receivers_of(&self, stream: usize) -> Range<usize> {
        match self.cell.delivery {
            Delivery::Sequential | Delivery::Parallel => stream..stream + 1,
            Delivery::IpMulticast => 0..self.receivers.len(),
        }
    }

    /// Handles a segment that reached a receiver, which answers each segment with an ACK.
    fn handle_data(&mut self, receiver: usize, seq: u64, round: u16) {
        let bytes = self.cell.data_packet_bytes(seq);
        if let Err(cause) = self.network.receivers[receiver].admit(self.now, bytes) {
            return self.observe_at(receiver, StepKind::Lost { seq, round, cause });
        }
        let receiving = &mut self.receivers[receiver];
        let received = receiving.handle_segment(seq, round);
        receiving.set_free_segments(FREE_SEGMENTS);
        let counter = Some(receiving.stats().acks);
        let ack = receiving.poll_transmit();
        let arrived = StepKind::Arrive {
            seq,
            round,
            received,
        };
        self.observe_at(receiver, arrived);
        if let Some(ack) = ack {
            self.send_ack(receiver, ack, counter);
        }
    }

    fn send_ack(&mut self, receiver: usize, ack: Ack, counter: Option<u64>) {
        self.observe_at(receiver, StepKind::AckSend { ack, counter });
        let bytes = usize::from(wire::ACK_PACKET_BYTES);
        let arrivals = match self.network.receivers[receiver].send(self.now, bytes) {
            Ok(arrivals) => arrivals,
            Err(cause) => {
                let lost = StepKind::AckLost {
                    ack,
                    counter,
                    cause,
                };
                return self.observe_at(receiver, lost);
            }
        };
        for at in arrivals.into_iter().flatten() {
            let event = Event::Ack {
                receiver,
                ack,
                counter,
            };
            self.events.schedule(at, event);
        }
    }

    /// Handles an ACK that reached the sender.
    fn handle_ack(&mut self, receiver: usize, ack: Ack, counter: Option<u64>) {
        let bytes = usize::from(wire::ACK_PACKET_BYTES);
        if let Err(cause) = self.network.sender.admit(self.now, bytes) {
            let lost = StepKind::AckLost {
                ack,
                counter,
                cause,
            };
            return self.observe_at(receiver, lost);
        }
        let stream = self.stream_to(receiver);
        self.streams[stream].handle_ack(self.now, ReceiverId(receiver as u16), ack);
        self.observe_at(receiver, StepKind::AckArrive { ack, counter });
        self.continue_with(stream);
    }

    /// Sends the first window of every stream. The streams take turns by whole windows, like the client's: each of its
    /// threads hands its first window to the network at once.
    fn begin_together(&mut self) {
        (0..self.streams.len()).for_each(|stream| self.transmit(stream));
    }

    /// Sends one segment with its copies. Returns false if the window allows none.
    fn transmit_one(&mut self, stream: usize) -> bool {
        let Some(transmit) = self.streams[stream].poll_transmit(self.now) else {
            return false;
        };
        for seq in transmit.datagrams() {
            self.send_data(stream, seq, transmit.round, transmit.retransmission);
        }
        true
    }

    /// Sends all that the window of the stream allows, and schedules the next wake-up of its sender.
    fn transmit(&mut self, stream: usize) {
        while self.transmit_one(stream) {}
        let sending = &mut self.streams[stream];
        if let Some(at) = sending.sender.poll_timeout()
            && sending.wake_up.is_none_or(|scheduled| at < scheduled)
        {
            sending.wake_up = Some(at);
            self.events.schedule(at, Event::WakeUp { stream });
        }
    }

    fn send_data(&mut self, stream: usize, seq: u64, round: u16, retransmission: bool) {
        self.sent += 1;
        let sent = StepKind::Send {
            seq,
            round,
            retransmission,
        };
        self.observe(stream, None, sent);
        let bytes = self.cell.data_packet_bytes(seq);
        let arrivals = match self.network.sender.send(self.now, bytes) {
            Ok(arrivals) => arrivals,
            Err(cause) => return self.observe(stream, None, StepKind::Lost { seq, round, cause }),
        };
        for at in arrivals.into_iter().flatten() {
            for receiver in self.receivers_of(stream) {
                let event = Event::Data {
                    receiver,
                    seq,
                    round,
                };
                self.events.schedule(at, event);
            }
        }
    }

    /// After an event of a stream, lets it send what its window allows. When it has just finished, the next sequential
    /// stream starts.
    fn continue_with(&mut self, stream: usize) {
        self.observe_go_back(stream);
        let continued = &mut self.streams[stream];
        if !continued.sender.is_finished() {
            self.transmit(stream);
        } else if !continued.finished {
            continued.finished = true;
            self.unfinished -= 1;
            match self.cell.delivery {
                Delivery::Sequential if self.unfinished > 0 => self.transmit(stream + 1),
                Delivery::Sequential => {}
                Delivery::Parallel | Delivery::IpMulticast => self.share_among_unfinished(),
            }
        }
    }

    /// Tells every sender how many unfinished streams share the link.
    fn share_among_unfinished(&mut self) {
        for stream in &mut self.streams {
            stream.sender.set_sharing(self.unfinished as u32);
        }
    }

    fn observe_go_back(&mut self, stream: usize) {
        if let Some((to, cause)) = self.streams[stream].go_back.take() {
            if cause == GoBackCause::Timeout {
                self.observe(stream, None, StepKind::Timeout);
            }
            self.observe(stream, None, StepKind::GoBack { to, cause });
        }
    }

    fn observe_at(&mut self, receiver: usize, kind: StepKind) {
        self.observe(self.stream_to(receiver), Some(receiver), kind);
    }

    /// Reports a step, which concerns one receiver of the stream or all.
    #[inline]
    fn observe(&mut self, stream: usize, receiver: Option<usize>, kind: StepKind) {
        // On the wire, the stream of a group has the number 0, and receivers and their streams are numbered from 1.
        let number = match self.cell.delivery {
            Delivery::Sequential | Delivery::Parallel => stream + 1,
            Delivery::IpMulticast => 0,
        };
        (self.observe)(Step {
            at_ns: u64::try_from((self.now - self.start).as_nanos()).unwrap_or(u64::MAX),
            transfer: self.seed,
            stream: number as u16,
            receiver: receiver.map_or(number, |index| index + 1) as u16,
            base: Some(self.streams[stream].sender.base()),
            window: self.cell.window.fixed().map(Window::segments),
            kind,
        });
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

    /// Quantiles over the segments of all streams.
    fn segment_delay(&self) -> Option<DelayQuantiles> {
        let mut delays = SegmentDelays::new(0);
        for stream in &self.streams {
            delays.add(&stream.delays);
        }
        let at_ms = |share| Some(ms(delays.quantile(share)?));
        Some(DelayQuantiles {
            min_ms: at_ms(0.0)?,
            p50_ms: at_ms(0.5)?,
            p90_ms: at_ms(0.9)?,
            p99_ms: at_ms(0.99)?,
            max_ms: at_ms(1.0)?,
        })
    }

    fn measurement(&self, given_up: Option<String>) -> Measurement {
        let stats = || self.streams.iter().map(|stream| stream.sender.stats());
        let lost = self.streams.iter().map(|stream| stream.lost_receivers);
        let lost: usize = lost.sum();
        let min_rtt = stats().filter_map(|stats| stats.min_rtt).min();
        let stalled = (lost > 0).then(|| {
            let receivers = self.cell.receivers;
            let timer_is_too_short = match self.cell.timeout {
                Timeout::Fixed(timer) => min_rtt.is_none_or(|rtt| timer < rtt),
                Timeout::Adaptive { .. } => false,
            };
            let cause = match timer_is_too_short {
                true => ": the timer is shorter than the round trip",
                false => "",
            };
            format!("gave up {lost} of {receivers} receivers that made no progress{cause}")
        });
        let failure = given_up.or(stalled);
        Measurement {
            seconds: failure
                .is_none()
                .then(|| (self.now - self.start).as_secs_f64()),
            segments: self.cell.segments() * self.streams.len() as u64,
            segments_sent: stats().map(|stats| stats.segments_sent).sum(),
            segments_retransmitted: stats().map(|stats| stats.segments_retransmitted).sum(),
            segments_copied: stats().map(|stats| stats.segments_copied).sum(),
            timeouts: stats().map(|stats| stats.timeouts).sum(),
            go_backs: stats().map(|stats| stats.go_backs).sum(),
            rtt_measured_ms: min_rtt.map(ms),
            network: Some(self.network.measurement()),
            segment_delay: self.segment_delay(),
            failure,
            ..Measurement::default()
        }
    }
}
