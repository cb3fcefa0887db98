//! Observing a run step by step.

use std::time::Duration;

use backroom_gbn::{Ack, GoBackCause, Received};
use backroom_link::DropCause;

/// Receives every step of a run as it happens.
pub trait Observer {
    /// Handles one step. Steps come in the order of their times.
    fn observe(&mut self, step: Step);
}

/// Ignores every step, at no cost.
#[derive(Clone, Copy, Debug)]
pub struct NoObserver;

impl Observer for NoObserver {
    #[inline]
    fn observe(&mut self, _: Step) {}
}

impl<O: Observer> Observer for &mut O {
    fn observe(&mut self, step: Step) {
        (**self).observe(step);
    }
}

/// One step of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Time since the run began.
    pub at: Duration,
    /// The stream, from 0.
    pub lane: usize,
    /// The oldest segment that is not acknowledged, after this step.
    pub base: u64,
    /// What happened.
    pub kind: StepKind,
}

/// What happened. `receiver` counts from 0 among those of the stream; `seq` and `round` are those of the segment, `cause`
/// is what dropped the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the doc of the enum describes the fields")]
pub enum StepKind {
    /// The sender handed a segment to its link; `again` if it had been sent before.
    Sent { seq: u64, round: u16, again: bool },
    /// The link of the sender dropped the segment, for all receivers.
    LostAtEgress {
        seq: u64,
        round: u16,
        cause: DropCause,
    },
    /// The ingress of `receiver` dropped the segment.
    LostAtIngress {
        receiver: usize,
        seq: u64,
        round: u16,
        cause: DropCause,
    },
    /// The segment arrived at `receiver`.
    Arrived {
        receiver: usize,
        seq: u64,
        round: u16,
        received: Received,
    },
    /// A receiver handed an ACK to its link.
    AckSent { receiver: usize, ack: Ack },
    /// The link of the receiver dropped the ACK.
    AckLostAtEgress { receiver: usize, cause: DropCause },
    /// The ingress of the sender dropped the oldest ACK of `receiver` in flight.
    AckLostAtIngress { receiver: usize, cause: DropCause },
    /// The oldest ACK of `receiver` in flight arrived at the sender.
    AckArrived { receiver: usize, ack: Ack },
    /// The sender went back to segment `to`.
    GoBack { to: u64, cause: GoBackCause },
}
