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
    /// Since the run began.
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
    /// The sender handed a segment to its link; `again` if not for the first time.
    Sent { seq: u64, round: u16, again: bool },
    /// The sender's link dropped it, for all receivers.
    LostAtEgress {
        seq: u64,
        round: u16,
        cause: DropCause,
    },
    /// It was lost where it would have entered `receiver`.
    LostAtIngress {
        receiver: usize,
        seq: u64,
        round: u16,
        cause: DropCause,
    },
    /// It arrived.
    Arrived {
        receiver: usize,
        seq: u64,
        round: u16,
        received: Received,
    },
    /// A receiver handed an ACK to its link.
    AckSent { receiver: usize, ack: Ack },
    /// Its link dropped that ACK.
    AckLostAtEgress { receiver: usize, cause: DropCause },
    /// The oldest ACK of `receiver` that is on the way was lost where it would have entered the sender.
    AckLostAtIngress { receiver: usize, cause: DropCause },
    /// The oldest ACK of `receiver` that is on the way arrived.
    AckArrived { receiver: usize, ack: Ack },
    /// The sender goes back.
    GoBack { to: u64, cause: GoBackCause },
}
