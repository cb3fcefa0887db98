//! What the sender tells its caller.

use std::collections::VecDeque;

use super::ReceiverId;

/// Something that happened, from [`Sender::poll_event`](crate::Sender::poll_event).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SenderEvent {
    /// Every live receiver has what is below `base`: its bytes may be freed.
    BaseAdvanced {
        /// The oldest segment that is still needed.
        base: u64,
    },
    /// The sender went back: what follows is sent again from here.
    GoBack {
        /// The first segment that is sent again.
        to: u64,
        /// Why.
        cause: GoBackCause,
    },
    /// This receiver has every segment.
    ReceiverFinished {
        /// Which.
        receiver: ReceiverId,
    },
    /// This receiver stopped answering and is no longer served; the others go on.
    ReceiverLost {
        /// Which.
        receiver: ReceiverId,
    },
    /// No receiver is left to serve: each has finished, was lost or was removed.
    Finished,
}

/// Why the sender went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GoBackCause {
    /// The retransmission timer fired.
    Timeout,
    /// A receiver reported a gap.
    Gap,
}

/// The events not yet polled.
///
/// Bounded without a limit of its own: each receiver ends once, and of the others only the newest of a kind waits.
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
