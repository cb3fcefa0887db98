//! What a member notices. Every front end shows these events in its own way; as JSON they are the output for programs.

use backroom_protocol::strip_terminal_controls;
pub use backroom_vocabulary::account::{ReceiverResult, SegmentDelay, TransferAccount};
pub use backroom_vocabulary::event::{Direction, Event, Peer, Settings, Transfer, User};

/// An [`Event::Error`]. The message may contain text from others: it loses its control characters here.
pub fn error(message: impl Into<String>) -> Event {
    Event::Error {
        message: strip_terminal_controls(&message.into()).into_owned(),
    }
}
