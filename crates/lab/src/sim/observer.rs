//! What may watch a run step by step.

use std::time::Duration;

use backroom_gbn::{Ack, GoBackCause, Received};
use backroom_link::DropCause;

/// Is told every step of a run as it happens.
pub(crate) trait Observer {
    /// Takes note of a step. Steps come in the order of their times.
    fn observe(&mut self, step: Step);
}

/// Watches nothing, and costs nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nobody;

impl Observer for Nobody {
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
pub(crate) struct Step {
    /// Since the run began.
    pub(crate) at: Duration,
    /// The stream, from 0.
    pub(crate) lane: usize,
    /// The oldest segment that is not acknowledged, after this step.
    pub(crate) base: u64,
    /// What happened.
    pub(crate) kind: StepKind,
}

/// What happened. Receivers are counted from 0 among those of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// The sender handed a segment to its link; `again` if not for the first time.
    Sent { seq: u64, round: u16, again: bool },
    /// The sender's link dropped it, for all receivers.
    LostOnTheWayOut {
        seq: u64,
        round: u16,
        cause: DropCause,
    },
    /// It was lost where it would have entered `receiver`.
    LostOnTheWayIn {
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
    AckLostOnTheWayOut { receiver: usize, cause: DropCause },
    /// The oldest ACK of `receiver` that is on the way was lost where it would have entered the sender.
    AckLostOnTheWayIn { receiver: usize, cause: DropCause },
    /// The oldest ACK of `receiver` that is on the way arrived.
    AckArrived { receiver: usize, ack: Ack },
    /// The sender goes back.
    WentBack { to: u64, cause: GoBackCause },
}
