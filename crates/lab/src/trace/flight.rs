//! Packets from where they were sent to where they ended.

use std::collections::{HashMap, VecDeque};

use backroom_gbn::{Ack, Received};

use super::event::{Event, Kind, LostBy, Trace};

/// One packet's way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Flight {
    /// What it carries.
    pub(crate) carries: Carries,
    /// When it was sent, where the sending side is known.
    pub(crate) sent_ns: Option<u64>,
    /// How it ended.
    pub(crate) end: End,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Carries {
    /// A segment; `again` if it was sent before.
    Segment { seq: u64, round: u16, again: bool },
    /// An acknowledgement.
    Ack { ack: Ack, counter: Option<u64> },
}

/// How a packet ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// It arrived then. Of a segment, also what became of it.
    Arrived {
        at_ns: u64,
        received: Option<Received>,
    },
    /// It was lost; by what, where that is known.
    Lost(Option<LostBy>),
    /// The other side's steps are not known.
    Unknown,
}

/// The packets of a trace of one receiver, in the order in which they were sent, or else heard of.
///
/// A segment's number and round tell each transmission from all others, but for the copies of one, which are taken to have
/// kept their order. ACKs are told apart by their counters; without those, equal ones are taken to have kept it too.
pub(crate) fn flights(trace: &Trace) -> Vec<Flight> {
    let end_where_none_is_seen = if !trace.has_both_sides() {
        End::Unknown
    } else {
        End::Lost(None)
    };
    let mut table = Table {
        flights: Vec::new(),
        segments: HashMap::new(),
        acks: HashMap::new(),
        end_where_none_is_seen,
    };
    for event in &trace.events {
        table.take(event);
    }
    table.flights
}

struct Table {
    flights: Vec<Flight>,
    segments: HashMap<(u64, u16), Copies>,
    acks: HashMap<(Ack, Option<u64>), Vec<usize>>,
    end_where_none_is_seen: End,
}

/// The places of a segment's copies of one round.
#[derive(Default)]
struct Copies {
    /// Those of which no end is known, oldest first.
    on_the_way: VecDeque<usize>,
    last: usize,
}

impl Table {
    fn take(&mut self, event: &Event) {
        let at_ns = event.at_ns;
        match event.kind {
            Kind::Send { seq, round, again } => {
                let copies = self.segments.entry((seq, round)).or_default();
                copies.last = self.flights.len();
                copies.on_the_way.push_back(copies.last);
                self.begin(Carries::Segment { seq, round, again }, at_ns);
            }
            Kind::AckSend { ack, counter } => {
                let place = self.flights.len();
                self.acks.entry((ack, counter)).or_default().push(place);
                self.begin(Carries::Ack { ack, counter }, at_ns);
            }
            Kind::Arrive {
                seq,
                round,
                received,
            } => {
                let received = Some(received);
                self.end_segment(seq, round, at_ns, End::Arrived { at_ns, received });
            }
            Kind::Lost { seq, round, by } => {
                self.end_segment(seq, round, at_ns, End::Lost(Some(by)));
            }
            Kind::AckArrive { ack, counter } => {
                let received = None;
                self.end_ack(ack, counter, End::Arrived { at_ns, received });
            }
            Kind::AckLost { ack, counter, by } => self.end_ack(ack, counter, End::Lost(Some(by))),
            Kind::Refused { .. } | Kind::Timeout | Kind::GoBack { .. } | Kind::Unopened => {}
        }
    }

    fn begin(&mut self, carries: Carries, sent_ns: u64) {
        self.flights.push(Flight {
            carries,
            sent_ns: Some(sent_ns),
            end: self.end_where_none_is_seen,
        });
    }

    /// Ends the oldest copy that is on the way; what ends when it is sent, the newest. One that arrives twice ends at last.
    fn end_segment(&mut self, seq: u64, round: u16, at_ns: u64, end: End) {
        match self.segments.get_mut(&(seq, round)) {
            Some(copies) => {
                let ends_at_once = self.flights[copies.last].sent_ns == Some(at_ns);
                let place = match (ends_at_once, end) {
                    (true, End::Lost(_)) => copies.on_the_way.pop_back(),
                    _ => copies.on_the_way.pop_front(),
                };
                self.flights[place.unwrap_or(copies.last)].end = end;
            }
            None => {
                let again = round > 0;
                let carries = Carries::Segment { seq, round, again };
                self.arrive_from_nowhere(carries, end);
            }
        }
    }

    fn end_ack(&mut self, ack: Ack, counter: Option<u64>, end: End) {
        let waiting = self.acks.get_mut(&(ack, counter));
        match waiting.filter(|places| !places.is_empty()) {
            Some(places) => self.flights[places.remove(0)].end = end,
            None => self.arrive_from_nowhere(Carries::Ack { ack, counter }, end),
        }
    }

    fn arrive_from_nowhere(&mut self, carries: Carries, end: End) {
        self.flights.push(Flight {
            carries,
            sent_ns: None,
            end,
        });
    }
}

impl Flight {
    /// When it arrived.
    pub(crate) fn arrived_ns(&self) -> Option<u64> {
        match self.end {
            End::Arrived { at_ns, .. } => Some(at_ns),
            End::Lost(_) | End::Unknown => None,
        }
    }

    /// Whether it is a segment.
    pub(crate) fn is_segment(&self) -> bool {
        matches!(self.carries, Carries::Segment { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Side;
    use super::*;

    fn event(at_ns: u64, kind: Kind) -> Event {
        Event {
            at_ns,
            stream: 1,
            receiver: 1,
            base: None,
            kind,
        }
    }

    fn ends(events: Vec<Event>) -> Vec<End> {
        let trace = Trace {
            transfer: 1,
            origin_us: 0,
            sides: vec![Side::Sender, Side::Receiver],
            window: None,
            bytes: 1,
            segment_bytes: 1,
            events,
            missing: 0,
        };
        flights(&trace).iter().map(|flight| flight.end).collect()
    }

    const SEND: Kind = Kind::Send {
        seq: 0,
        round: 0,
        again: false,
    };

    fn arrive(received: Received) -> Kind {
        Kind::Arrive {
            seq: 0,
            round: 0,
            received,
        }
    }

    fn lost(by: LostBy) -> Kind {
        Kind::Lost {
            seq: 0,
            round: 0,
            by,
        }
    }

    fn arrived(at_ns: u64, received: Received) -> End {
        End::Arrived {
            at_ns,
            received: Some(received),
        }
    }

    #[test]
    fn each_copy_has_its_own_end() {
        let events = [SEND, SEND, SEND].map(|kind| event(0, kind)).into();
        let events = [
            events,
            vec![
                event(5, lost(LostBy::Loss)),
                event(6, arrive(Received::Deliver)),
                event(7, arrive(Received::Copy)),
            ],
        ];
        let expected = [
            End::Lost(Some(LostBy::Loss)),
            arrived(6, Received::Deliver),
            arrived(7, Received::Copy),
        ];
        assert_eq!(ends(events.concat()), expected);
    }

    #[test]
    fn a_copy_that_finds_no_room_in_the_queue_is_the_one_just_sent() {
        let events = vec![
            event(0, SEND),
            event(0, SEND),
            event(0, lost(LostBy::Queue)),
            event(6, arrive(Received::Deliver)),
        ];
        let expected = [
            arrived(6, Received::Deliver),
            End::Lost(Some(LostBy::Queue)),
        ];
        assert_eq!(ends(events), expected);
    }
}
