//! The streams of a transfer and what happens in them.

use backroom_gbn::{Ack, GoBackCause, Received};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known of a stream before its first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The transfer's number on the wire.
    pub transfer: u64,
    /// The stream's lane: 0 reaches a group, n the n-th receiver. 0 also if the line is about all streams.
    pub stream: u16,
    /// The receiver, from 1; 0 if the line is about all receivers.
    pub receiver: u16,
    /// The sender's window in segments, if it is fixed and this is the sender's line.
    pub window: Option<u16>,
    /// The side that wrote the lines.
    pub side: Side,
    /// When the transfer's time begins, in microseconds since the UNIX epoch.
    pub unix_us: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Payload of each segment but the last.
    pub segment_bytes: u16,
}

/// Something that happened in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// In nanoseconds since the transfer's time began. A line has milliseconds.
    pub at_ns: u64,
    /// The transfer's number on the wire.
    pub transfer: u64,
    /// The stream's lane: 0 reaches a group, n the n-th receiver.
    pub stream: u16,
    /// The receiver, from 1; 0 if the step concerns all receivers of the stream.
    pub receiver: u16,
    /// The sender's oldest segment that is not acknowledged. Lines have it for steps of the sender.
    pub base: Option<u64>,
    /// The sender's window in segments, if it is fixed. Lines have it for sent segments and received ACKs.
    pub window: Option<u16>,
    /// What happened.
    pub kind: StepKind,
}

/// What happened in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// The sender sent a segment.
    Send {
        /// The segment.
        seq: u64,
        /// The round: how often the sender had gone back before.
        round: u16,
        /// Whether the segment had been sent before.
        retransmission: bool,
    },
    /// The sender's kernel refused segments, which counts as their loss.
    Refused {
        /// How many.
        count: u64,
    },
    /// The network lost a segment.
    Lost {
        /// The segment.
        seq: u64,
        /// Its round.
        round: u16,
        /// What lost it.
        cause: LossCause,
    },
    /// A segment arrived.
    Arrive {
        /// The segment.
        seq: u64,
        /// Its round.
        round: u16,
        /// What the receiver did with it.
        received: Received,
    },
    /// The receiver sent an ACK.
    AckSend {
        /// The ACK.
        ack: Ack,
        /// Its number, which distinguishes it from equal ACKs, if it is known.
        counter: Option<u64>,
    },
    /// The network lost an ACK.
    AckLost {
        /// The ACK.
        ack: Ack,
        /// As in [`StepKind::AckSend`].
        counter: Option<u64>,
        /// What lost it.
        cause: LossCause,
    },
    /// An ACK arrived at the sender.
    AckArrive {
        /// The ACK.
        ack: Ack,
        /// As in [`StepKind::AckSend`].
        counter: Option<u64>,
    },
    /// The retransmission timer expired.
    Timeout,
    /// The sender went back.
    GoBack {
        /// The segment that it sends next.
        to: u64,
        /// The reason.
        cause: GoBackCause,
    },
    /// A datagram failed authentication and was dropped.
    Unopened,
}

/// A side of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The member that sends the file.
    Sender,
    /// A member that receives it.
    Receiver,
}

/// What lost a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossCause {
    /// The link's random loss.
    Loss,
    /// A full queue.
    Queue,
}

impl StepKind {
    /// Whether it is an action of the sender or an ACK that reaches it, and so may depend on its base.
    pub fn is_of_sender(&self) -> bool {
        self.has_window() || matches!(self, Self::Timeout | Self::GoBack { .. })
    }

    /// Whether it depends on the sender's window.
    pub(super) fn has_window(&self) -> bool {
        matches!(self, Self::Send { .. } | Self::AckArrive { .. })
    }
}
