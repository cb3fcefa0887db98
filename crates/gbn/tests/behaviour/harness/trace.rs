//! What happened, and when: two runs are the same where their traces are.

use std::time::Duration;

use backroom_gbn::{Ack, Received, SenderEvent, Transmit};

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Since the beginning of virtual time.
    pub(crate) at: Duration,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
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
    Event(SenderEvent),
}
