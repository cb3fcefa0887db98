//! What a trace is made of.

use backroom_gbn::{Ack, GoBackCause, Received};

/// Every step of one transfer, in the order of time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trace {
    /// The transfer's number on the wire.
    pub(crate) transfer: u64,
    /// When its time begins, in microseconds since the UNIX epoch.
    pub(crate) origin_us: u64,
    /// Whose steps are known. The simulator knows both sides'.
    pub(crate) sides: Vec<Side>,
    /// Segments that may be outstanding, as far as it is known.
    pub(crate) window: Option<u16>,
    /// Size of the file.
    pub(crate) bytes: u64,
    /// File bytes in a segment.
    pub(crate) segment_bytes: u16,
    /// The steps.
    pub(crate) events: Vec<Event>,
    /// Steps that were not written down because there was no time to.
    pub(crate) missing: u64,
}

/// Who wrote a step down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Sender,
    Receiver,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Event {
    /// In nanoseconds since the transfer's time began.
    pub(crate) at_ns: u64,
    /// The stream, as the wire counts lanes: 0 reaches all receivers, n the n-th.
    pub(crate) stream: u16,
    /// The receiver, from 1; 0 where it is about all receivers of the stream.
    pub(crate) receiver: u16,
    /// The oldest segment that is not acknowledged, where the sender wrote it down.
    pub(crate) base: Option<u64>,
    /// What happened.
    pub(crate) kind: Kind,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// The sender sent a segment; `again` if not for the first time.
    Send { seq: u64, round: u16, again: bool },
    /// The sender's kernel refused so many segments.
    Refused { count: u64 },
    /// A segment was lost.
    Lost { seq: u64, round: u16, by: LostBy },
    /// A segment arrived.
    Arrive {
        seq: u64,
        round: u16,
        received: Received,
    },
    /// The receiver sent an ACK. `counter` tells it from others that say the same.
    AckSend { ack: Ack, counter: Option<u64> },
    /// An ACK was lost.
    AckLost {
        ack: Ack,
        counter: Option<u64>,
        by: LostBy,
    },
    /// An ACK arrived.
    AckArrive { ack: Ack, counter: Option<u64> },
    /// The retransmission timer fired.
    Timeout,
    /// The sender goes back.
    GoBack { to: u64, cause: GoBackCause },
    /// A datagram did not open.
    Unopened,
}

/// What lost a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LostBy {
    /// Bad luck.
    Loss,
    /// A full queue.
    Queue,
}

impl Trace {
    /// The steps of the stream to `receiver`, of which there may be none.
    pub(crate) fn of_receiver(&self, receiver: u16) -> Self {
        let own_stream = |event: &Event| event.receiver == receiver;
        let of_group = |event: &Event| event.stream == 0 && event.receiver == 0;
        let events = self.events.iter().copied();
        Self {
            events: events
                .filter(|event| own_stream(event) || of_group(event))
                .collect(),
            sides: self.sides.clone(),
            ..*self
        }
    }

    /// The receivers that anything happened to, in rising order.
    pub(crate) fn receivers(&self) -> Vec<u16> {
        let mut receivers: Vec<_> = self.events.iter().map(|event| event.receiver).collect();
        receivers.sort_unstable();
        receivers.dedup();
        receivers.retain(|receiver| *receiver > 0);
        receivers
    }

    /// Whether the steps of both sides are known.
    pub(crate) fn has_both_sides(&self) -> bool {
        [Side::Sender, Side::Receiver]
            .iter()
            .all(|side| self.sides.contains(side))
    }

    /// When its last step was, in nanoseconds.
    pub(crate) fn end_ns(&self) -> u64 {
        self.events.last().map_or(0, |event| event.at_ns)
    }
}
