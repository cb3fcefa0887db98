//! Leaving the room, and losing the connection.

use std::time::Duration;

use backroom_protocol::ClientMessage;
use backroom_transport::connection::Encoded;
use backroom_vocabulary::event::Event;
use tokio::time::Instant;

use super::Session;
use super::phase::{Ending, Phase};

/// The time that transfers have to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The time that the room has to close the connection after the leave message. If this side closed it, the room could lose
/// messages that it has not read yet.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

impl Session {
    /// Moves to the next phase when it is due. Returns the ending when the session is over.
    pub(super) fn advance(&mut self) -> Option<Ending> {
        let idle = self.transfers.count() == 0 && self.posts.is_empty();
        match &self.phase {
            Phase::Draining if idle => self.confirm_and_leave(Ending::Left),
            Phase::Stopping { ending, .. } if idle && ending.is_voluntary() => {
                self.confirm_and_leave(ending.clone());
            }
            Phase::Stopping { ending, .. } if idle => self.phase = Phase::Over(ending.clone()),
            _ => {}
        }
        match &self.phase {
            Phase::Over(ending) => Some(ending.clone()),
            _ => None,
        }
    }

    /// Leaves once the room has handled all messages, and so has reported which of them it refuses.
    fn confirm_and_leave(&mut self, ending: Ending) {
        if self.unconfirmed.count() == 0 {
            self.send_leave(ending);
        } else if self.unconfirmed.lacks_ping() {
            // An error is ignored here. Reading from the connection reports it too.
            let _ = self.feed(&ClientMessage::Ping);
        }
    }

    /// Continues without what the phase waits for.
    pub(super) async fn expire(&mut self) {
        let unconfirmed = self.unconfirmed.count();
        if matches!(self.phase, Phase::Stopping { .. }) && unconfirmed > 0 {
            let error = "the room did not confirm the last messages; some of them may be lost";
            self.fail(error).await;
        }
        self.phase.expire();
    }

    /// Handles the end of the input.
    pub(super) async fn drain(&mut self) {
        self.transfers.close();
        self.phase = Phase::Draining;
        let transfers = self.transfers.count();
        if transfers > 0 {
            self.show(Event::Waiting { transfers }).await;
        }
    }

    /// Leaves the room at the request of the user.
    pub(super) fn leave(&mut self, ending: Ending) {
        self.stop(ending, "you left the room");
    }

    pub(super) fn lose(&mut self, reason: &str) {
        match &self.phase {
            Phase::Leaving { ending, .. } => self.phase = Phase::Over(ending.clone()),
            Phase::Stopping { ending, .. } if !ending.is_voluntary() => {}
            _ => {
                let reason = self.closing.take().unwrap_or_else(|| reason.to_owned());
                self.stop(Ending::Lost(reason), "the connection to the room was lost");
            }
        }
    }

    pub(super) fn stop(&mut self, ending: Ending, reason: &str) {
        self.transfers.cancel_all(reason);
        self.phase = Phase::Stopping {
            ending,
            deadline: Instant::now() + STOP_TIMEOUT,
        };
    }

    fn send_leave(&mut self, ending: Ending) {
        if let Ok(leave) = Encoded::new(&ClientMessage::Leave) {
            // An error is ignored here. Reading from the connection reports it too.
            let _ = self.writer.feed(&leave);
        }
        self.phase = Phase::Leaving {
            ending,
            deadline: Instant::now() + LEAVE_TIMEOUT,
        };
    }
}
