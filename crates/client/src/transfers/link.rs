//! What ties a transfer's tasks to the session: notes to it, and what the other side says from it.

use backroom_protocol::{FileMessage, MemberId, TransferId};
use tokio::sync::mpsc;

use crate::event::Event;

/// Messages of one member about one transfer that may wait. More than these few are never under way between members
/// that keep to the protocol.
pub(super) const INBOX_MESSAGES: usize = 8;

/// A stream as the session knows it: the other side, and the transfer's number.
pub(super) type StreamKey = (MemberId, TransferId);

/// What a transfer wants of the session.
#[derive(Debug)]
pub(crate) enum Note {
    /// Say this to a member.
    Tell(MemberId, FileMessage),
    /// Show this.
    Show(Event),
    /// The stream needs no messages any more.
    StreamEnded(StreamKey),
    /// The transfer with this number is over, and this is how.
    Ended(u64, Event),
}

/// A stream's way to the other side.
#[derive(Debug)]
pub(super) struct Link {
    key: StreamKey,
    notes: mpsc::Sender<Note>,
    inbox: mpsc::Receiver<FileMessage>,
}

impl Link {
    /// The link of a stream, and where to put what the other side says about it.
    pub(super) fn new(
        key: StreamKey,
        notes: mpsc::Sender<Note>,
    ) -> (Self, mpsc::Sender<FileMessage>) {
        let (deliver, inbox) = mpsc::channel(INBOX_MESSAGES);
        (Self { key, notes, inbox }, deliver)
    }

    pub(super) fn transfer(&self) -> TransferId {
        self.key.1
    }

    /// Says something to the other side.
    pub(super) async fn tell(&self, message: FileMessage) {
        self.note(Note::Tell(self.key.0, message)).await;
    }

    /// Shows something here.
    pub(super) async fn show(&self, event: Event) {
        self.note(Note::Show(event)).await;
    }

    /// What the other side says next; `None` once it has left the room. Cancel safe.
    pub(super) async fn hear(&mut self) -> Option<FileMessage> {
        self.inbox.recv().await
    }

    /// Ends the link.
    pub(super) async fn close(self) {
        self.note(Note::StreamEnded(self.key)).await;
    }

    async fn note(&self, note: Note) {
        // A session that takes no notes any more has ended, and this task with it.
        let _ = self.notes.send(note).await;
    }
}
