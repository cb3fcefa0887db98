//! The event that reports an error. All events are defined in [`backroom_vocabulary::event`].

use backroom_protocol::strip_terminal_controls;
use backroom_vocabulary::event::Event;

/// An [`Event::Error`]. The message may contain text from others: it loses its control characters here.
pub(crate) fn error(message: impl Into<String>) -> Event {
    Event::Error {
        message: strip_terminal_controls(&message.into()).into_owned(),
    }
}
