//! Connects a transfer's tasks to the session: events to it, and messages from the other side.

use backroom_protocol::{FileMessage, MemberId, Reason, TransferId};
use backroom_vocabulary::event::Event;
use tokio::sync::mpsc;

/// How many messages of one member about one transfer may wait. Members that follow the protocol never have more under way.
pub(super) const INBOX_MESSAGES: usize = 8;

/// Names the messages about one transfer with one member.
pub(super) type ChannelKey = (MemberId, TransferId);

/// What a transfer wants the session to do.
#[derive(Debug)]
pub(crate) enum TransferEvent {
    Send(MemberId, FileMessage),
    Show(Event),
    /// Deliver no more messages to this channel.
    ChannelClosed(ChannelKey),
    /// The transfer with this number has ended. Show its last event.
    Ended {
        id: u64,
        event: Event,
        /// Whether the file did not arrive, and no command cancelled it.
        failed: bool,
    },
}

/// Why a transfer with one member failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// For this client's user.
    pub(super) reason: String,
    /// For the other side, unless it knows.
    pub(super) message: Option<FileMessage>,
}

/// The connection of one task to the member on the other side.
#[derive(Debug)]
pub(super) struct PeerChannel {
    key: ChannelKey,
    events: EventSender,
    inbox: mpsc::Receiver<FileMessage>,
}

impl PeerChannel {
    /// The channel, and the sender for messages that arrive from the other side.
    pub(super) fn new(key: ChannelKey, events: EventSender) -> (Self, mpsc::Sender<FileMessage>) {
        let (deliver, inbox) = mpsc::channel(INBOX_MESSAGES);
        (Self { key, events, inbox }, deliver)
    }

    pub(super) async fn send(&self, message: FileMessage) {
        let event = TransferEvent::Send(self.key.0, message);
        self.events.send(event).await;
    }

    /// The next message from the other side, or `None` once it has left the room. Cancel-safe.
    pub(super) async fn receive(&mut self) -> Option<FileMessage> {
        self.inbox.recv().await
    }

    pub(super) async fn close(self) {
        self.events
            .send(TransferEvent::ChannelClosed(self.key))
            .await;
    }

    /// This side gives up, because the user cancelled the transfer.
    pub(super) fn cancelled(&self, reason: String) -> Failure {
        let transfer = self.key.1;
        Failure {
            reason,
            message: Some(FileMessage::Cancel { transfer }),
        }
    }

    /// This side gives up, for a reason that the other side gets as `public_reason`.
    pub(super) fn failed(&self, reason: String, public_reason: &str) -> Failure {
        let message = FileMessage::Failed {
            transfer: self.key.1,
            reason: Reason::new(public_reason),
        };
        Failure {
            reason,
            message: Some(message),
        }
    }
}

/// Sends the events of all transfers to the session.
#[derive(Debug, Clone)]
pub(super) struct EventSender(pub(super) mpsc::Sender<TransferEvent>);

impl EventSender {
    pub(super) async fn send(&self, event: TransferEvent) {
        // If the session has ended, nobody needs the event.
        let _ = self.0.send(event).await;
    }
}
