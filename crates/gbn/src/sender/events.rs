//! The sender's events.

use std::collections::VecDeque;

use super::group::{LossCause, ReceiverId};

/// An event of [`Sender::poll_event`](crate::Sender::poll_event).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SenderEvent {
    /// Every live receiver has all segments below `base`: the caller may free their bytes.
    BaseAdvanced {
        /// The oldest segment that is still needed.
        base: u64,
    },
    /// The sender went back.
    GoBack {
        /// The first segment that is sent again.
        to: u64,
        /// What triggered the go-back.
        cause: GoBackCause,
    },
    /// The receiver has every segment.
    ReceiverFinished {
        /// A receiver that stays in [`Sender::receivers`](crate::Sender::receivers).
        receiver: ReceiverId,
    },
    /// The receiver is no longer served. The others continue.
    ReceiverLost {
        /// A receiver that is no longer in [`Sender::receivers`](crate::Sender::receivers).
        receiver: ReceiverId,
        /// What was seen of it.
        cause: LossCause,
    },
    /// No receiver is left to serve: each has finished, was lost or was removed.
    Finished,
}

/// What triggered a go-back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GoBackCause {
    /// The retransmission timer expired.
    Timeout,
    /// A receiver reported a gap.
    Gap,
}

/// The events not yet polled.
///
/// Bounded without an explicit limit: each receiver ends once, and of the other kinds only the newest event is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Events {
    go_back: Option<SenderEvent>,
    base_advanced: Option<SenderEvent>,
    receivers: VecDeque<SenderEvent>,
    finished: Option<SenderEvent>,
}

impl Events {
    pub(super) fn push(&mut self, event: SenderEvent) {
        match event {
            SenderEvent::GoBack { .. } => self.go_back = Some(event),
            SenderEvent::BaseAdvanced { .. } => self.base_advanced = Some(event),
            SenderEvent::Finished => self.finished = Some(event),
            SenderEvent::ReceiverFinished { .. } | SenderEvent::ReceiverLost { .. } => {
                self.receivers.push_back(event);
            }
        }
    }

    pub(super) fn pop(&mut self) -> Option<SenderEvent> {
        self.base_advanced
            .take()
            .or_else(|| self.go_back.take())
            .or_else(|| self.receivers.pop_front())
            .or_else(|| self.finished.take())
    }
}
