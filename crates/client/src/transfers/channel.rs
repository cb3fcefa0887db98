//! Connects a transfer's tasks to the session: events to it, and messages from the other side.

use backroom_protocol::{FileMessage, MemberId, Reason, TransferId};
use tokio::sync::mpsc;

use crate::event::Event;

/// How many messages of one member about one transfer may wait. Members that follow the protocol never have more under way.
pub(super) const INBOX_MESSAGES: usize = 8;

/// Names the messages about one transfer with one member.
pub(super) type ChannelKey = (MemberId, TransferId);

/// What a transfer wants the session to do.
#[derive(Debug)]
pub(crate) enum TransferEvent {
    /// Send a message to a member.
    Send(MemberId, FileMessage),
    /// Show an event.
    Show(Event),
    /// Deliver no more messages to this channel.
    ChannelClosed(ChannelKey),
    /// The transfer with this number has ended. Show its last event.
    Ended(u64, Event),
}

/// The connection of one task to the member on the other side.
#[derive(Debug)]
pub(super) struct PeerChannel {
    key: ChannelKey,
    events: mpsc::Sender<TransferEvent>,
    inbox: mpsc::Receiver<FileMessage>,
}

impl PeerChannel {
    /// The channel, and the sender for messages that arrive from the other side.
    pub(super) fn new(
        key: ChannelKey,
        events: mpsc::Sender<TransferEvent>,
    ) -> (Self, mpsc::Sender<FileMessage>) {
        let (deliver, inbox) = mpsc::channel(INBOX_MESSAGES);
        (Self { key, events, inbox }, deliver)
    }

    pub(super) fn transfer(&self) -> TransferId {
        self.key.1
    }

    /// Sends a message to the other side.
    pub(super) async fn send(&self, message: FileMessage) {
        self.emit(TransferEvent::Send(self.key.0, message)).await;
    }

    /// Shows an event to this client's user.
    pub(super) async fn show(&self, event: Event) {
        self.emit(TransferEvent::Show(event)).await;
    }

    /// The next message from the other side, or `None` once it has left the room. Cancel-safe.
    pub(super) async fn receive(&mut self) -> Option<FileMessage> {
        self.inbox.recv().await
    }

    pub(super) async fn close(self) {
        self.emit(TransferEvent::ChannelClosed(self.key)).await;
    }

    /// The message that this side had to give up.
    pub(super) fn failed(&self, reason: &str) -> FileMessage {
        FileMessage::Failed {
            transfer: self.transfer(),
            reason: Reason::new(reason),
        }
    }

    async fn emit(&self, event: TransferEvent) {
        // If the session has ended, this task ends with it.
        let _ = self.events.send(event).await;
    }
}
