//! The trace of a run. Two runs are equal if their traces are.

use std::time::Duration;

use backroom_gbn::{Ack, Received, SenderEvent, Transmit};

/// One event and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceEntry {
    /// Time since the start of virtual time.
    pub(crate) at: Duration,
    pub(crate) event: Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Sent(Transmit),
    Arrived {
        receiver: u16,
        seq: u64,
        round: u16,
        received: Received,
    },
    Acknowledged {
        receiver: u16,
        ack: Ack,
    },
    AckArrived {
        receiver: u16,
        ack: Ack,
    },
    Timeout,
    Reported(SenderEvent),
}
