//! Packets from where they were sent to where they ended.

use std::collections::{HashMap, VecDeque};

use backroom_gbn::Ack;
use backroom_vocabulary::trace::{LossCause, Step, StepKind};

use crate::trace::Trace;

/// One packet's path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Flight {
    pub(crate) packet: Packet,
    /// When it was sent, in nanoseconds, if the sending side is known.
    pub(crate) sent_ns: Option<u64>,
    pub(crate) end: FlightEnd,
}

/// What a packet carries: the fields of the step that sent it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Packet {
    Segment {
        seq: u64,
        round: u16,
        retransmission: bool,
    },
    Ack {
        ack: Ack,
        counter: Option<u64>,
    },
}

/// How a packet's flight ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FlightEnd {
    /// It arrived at this time, in nanoseconds.
    Arrived(u64),
    /// It was lost. The cause is known only in a simulation.
    Lost(Option<LossCause>),
    /// The steps of the other side are not known.
    Unknown,
}

/// Pairs the steps of each packet in the trace of one receiver. Packets come in the order in which they were sent; those
/// whose sending is not known, where they arrived.
///
/// A segment's number and round distinguish its transmissions, except for copies, which are assumed to keep their order.
/// ACKs are distinguished by their counters; without counters, equal ACKs are assumed to keep their order too.
pub(crate) fn flights(trace: &Trace) -> Vec<Flight> {
    let end_if_none_is_seen = if trace.has_both_sides() {
        FlightEnd::Lost(None)
    } else {
        FlightEnd::Unknown
    };
    let mut pairing = Pairing {
        flights: Vec::new(),
        segments: HashMap::new(),
        acks: HashMap::new(),
        end_if_none_is_seen,
    };
    for step in &trace.steps {
        pairing.take(step);
    }
    pairing.flights
}

struct Pairing {
    flights: Vec<Flight>,
    segments: HashMap<(u64, u16), Copies>,
    /// Indices of the flights of each ACK that have not ended, oldest first.
    acks: HashMap<(Ack, Option<u64>), VecDeque<usize>>,
    end_if_none_is_seen: FlightEnd,
}

/// The copies of a segment that were sent in one round, as indices of flights.
#[derive(Default)]
struct Copies {
    /// Those that have not ended, oldest first.
    in_flight: VecDeque<usize>,
    newest: usize,
}

impl Pairing {
    fn take(&mut self, step: &Step) {
        let at_ns = step.at_ns;
        match step.kind {
            StepKind::Send {
                seq,
                round,
                retransmission,
            } => {
                let copies = self.segments.entry((seq, round)).or_default();
                copies.newest = self.flights.len();
                copies.in_flight.push_back(copies.newest);
                let packet = Packet::Segment {
                    seq,
                    round,
                    retransmission,
                };
                self.add(packet, Some(at_ns), self.end_if_none_is_seen);
            }
            StepKind::AckSend { ack, counter } => {
                let in_flight = self.acks.entry((ack, counter)).or_default();
                in_flight.push_back(self.flights.len());
                let packet = Packet::Ack { ack, counter };
                self.add(packet, Some(at_ns), self.end_if_none_is_seen);
            }
            StepKind::Arrive { seq, round, .. } => {
                self.end_segment(seq, round, at_ns, FlightEnd::Arrived(at_ns));
            }
            StepKind::Lost { seq, round, cause } => {
                self.end_segment(seq, round, at_ns, FlightEnd::Lost(Some(cause)));
            }
            StepKind::AckArrive { ack, counter } => {
                self.end_ack(ack, counter, FlightEnd::Arrived(at_ns));
            }
            StepKind::AckLost {
                ack,
                counter,
                cause,
            } => self.end_ack(ack, counter, FlightEnd::Lost(Some(cause))),
            StepKind::Refused { .. }
            | StepKind::Timeout
            | StepKind::GoBack { .. }
            | StepKind::Unopened => {}
        }
    }

    fn add(&mut self, packet: Packet, sent_ns: Option<u64>, end: FlightEnd) {
        self.flights.push(Flight {
            packet,
            sent_ns,
            end,
        });
    }

    /// Ends the oldest copy in flight. A loss at the time of sending ends the newest instead: that one did not fit into
    /// the queue. If a copy arrives twice, the last arrival counts.
    fn end_segment(&mut self, seq: u64, round: u16, at_ns: u64, end: FlightEnd) {
        match self.segments.get_mut(&(seq, round)) {
            Some(copies) => {
                let ends_at_once = self.flights[copies.newest].sent_ns == Some(at_ns);
                let index = match (ends_at_once, end) {
                    (true, FlightEnd::Lost(_)) => copies.in_flight.pop_back(),
                    _ => copies.in_flight.pop_front(),
                };
                self.flights[index.unwrap_or(copies.newest)].end = end;
            }
            None => {
                let packet = Packet::Segment {
                    seq,
                    round,
                    // Its sending is not known, but every round after the first sends again.
                    retransmission: round > 0,
                };
                self.add(packet, None, end);
            }
        }
    }

    fn end_ack(&mut self, ack: Ack, counter: Option<u64>, end: FlightEnd) {
        let in_flight = self.acks.get_mut(&(ack, counter));
        match in_flight.and_then(VecDeque::pop_front) {
            Some(index) => self.flights[index].end = end,
            None => self.add(Packet::Ack { ack, counter }, None, end),
        }
    }
}

impl Flight {
    pub(crate) fn arrived_ns(&self) -> Option<u64> {
        match self.end {
            FlightEnd::Arrived(at_ns) => Some(at_ns),
            FlightEnd::Lost(_) | FlightEnd::Unknown => None,
        }
    }

    pub(crate) fn is_segment(&self) -> bool {
        matches!(self.packet, Packet::Segment { .. })
    }
}

#[cfg(test)]
mod tests {
    use backroom_gbn::Received;
    use backroom_vocabulary::trace::Side;

    use super::*;

    fn step(at_ns: u64, kind: StepKind) -> Step {
        Step {
            at_ns,
            transfer: 1,
            stream: 1,
            receiver: 1,
            base: None,
            window: None,
            kind,
        }
    }

    fn ends(steps: Vec<Step>) -> Vec<FlightEnd> {
        let trace = Trace {
            transfer: 1,
            origin_us: 0,
            sides: vec![Side::Sender, Side::Receiver],
            window: None,
            bytes: 1,
            segment_bytes: 1,
            steps,
            missing: 0,
        };
        flights(&trace).iter().map(|flight| flight.end).collect()
    }

    const SEND: StepKind = StepKind::Send {
        seq: 0,
        round: 0,
        retransmission: false,
    };

    fn arrive(received: Received) -> StepKind {
        StepKind::Arrive {
            seq: 0,
            round: 0,
            received,
        }
    }

    fn lost(cause: LossCause) -> StepKind {
        StepKind::Lost {
            seq: 0,
            round: 0,
            cause,
        }
    }

    #[test]
    fn each_copy_has_its_own_end() {
        let steps = [SEND, SEND, SEND].map(|kind| step(0, kind)).into();
        let steps = [
            steps,
            vec![
                step(5, lost(LossCause::Loss)),
                step(6, arrive(Received::Deliver)),
                step(7, arrive(Received::Copy)),
            ],
        ];
        let expected = [
            FlightEnd::Lost(Some(LossCause::Loss)),
            FlightEnd::Arrived(6),
            FlightEnd::Arrived(7),
        ];
        assert_eq!(ends(steps.concat()), expected);
    }

    #[test]
    fn a_copy_that_finds_no_room_in_the_queue_is_the_one_just_sent() {
        let steps = vec![
            step(0, SEND),
            step(0, SEND),
            step(0, lost(LossCause::Queue)),
            step(6, arrive(Received::Deliver)),
        ];
        let expected = [
            FlightEnd::Arrived(6),
            FlightEnd::Lost(Some(LossCause::Queue)),
        ];
        assert_eq!(ends(steps), expected);
    }
}
