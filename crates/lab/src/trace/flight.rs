//! Packets from where they were sent to where they ended.

use std::collections::HashMap;

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
/// Within a round a segment is sent once, so its number and round tell each transmission from all others. ACKs are told
/// apart by their counters; without those, equal ones are taken to have kept their order.
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
    segments: HashMap<(u64, u16), usize>,
    acks: HashMap<(Ack, Option<u64>), Vec<usize>>,
    end_where_none_is_seen: End,
}

impl Table {
    fn take(&mut self, event: &Event) {
        let at_ns = event.at_ns;
        match event.kind {
            Kind::Send { seq, round, again } => {
                self.segments.insert((seq, round), self.flights.len());
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
                self.end_segment(seq, round, End::Arrived { at_ns, received });
            }
            Kind::Lost { seq, round, by } => self.end_segment(seq, round, End::Lost(Some(by))),
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

    fn end_segment(&mut self, seq: u64, round: u16, end: End) {
        match self.segments.get(&(seq, round)) {
            Some(place) => self.flights[*place].end = end,
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
