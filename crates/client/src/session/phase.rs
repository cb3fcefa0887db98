//! From being in the room to having left it.

use std::time::Duration;

use backroom_protocol::ClientMessage;
use backroom_transport::connection::Encoded;
use tokio::time::{Instant, sleep_until};

use super::{Ending, Session};
use crate::event::Event;

/// How long transfers may take to end that were told to.
const STOP_TIME: Duration = Duration::from_secs(5);

/// How long the room may take to close the connection after the good-bye. Until then it may still be reading what was
/// said before, which closing from this side could take from it.
const FAREWELL_TIME: Duration = Duration::from_secs(2);

/// Where a session stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// In the room.
    Open,
    /// The input has ended: what is under way may end, too.
    Draining,
    /// Transfers are being stopped, then it ends so.
    Stopping { ending: Ending, deadline: Instant },
    /// The good-bye is said.
    Farewell { deadline: Instant },
    /// Over.
    Over(Ending),
}

impl Phase {
    pub(super) fn reads_lines(&self) -> bool {
        matches!(self, Self::Open)
    }

    pub(super) fn is_ending(&self) -> bool {
        !matches!(self, Self::Open | Self::Draining)
    }

    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Stopping { ending, .. } | Self::Over(ending) => *ending == Ending::Left,
            Self::Open | Self::Draining | Self::Farewell { .. } => true,
        }
    }

    /// Waits until it is time to stop waiting.
    pub(super) async fn deadline(&self) {
        match self {
            Self::Stopping { deadline, .. } | Self::Farewell { deadline } => {
                sleep_until(*deadline).await
            }
            Self::Open | Self::Draining | Self::Over(_) => std::future::pending().await,
        }
    }

    /// What was waited for takes too long: goes on without it.
    pub(super) fn expire(&mut self) {
        match self {
            Self::Farewell { .. } => *self = Self::Over(Ending::Left),
            Self::Stopping { ending, .. } => *self = Self::Over(ending.clone()),
            Self::Open | Self::Draining | Self::Over(_) => {}
        }
    }
}

impl Session {
    /// Goes on to the next phase where it is time for it, and gives the ending where there is one.
    pub(super) fn advance(&mut self) -> Option<Ending> {
        let idle = self.transfers.is_idle() && self.posts.is_empty();
        match &self.phase {
            Phase::Draining if idle => self.say_good_bye(),
            Phase::Stopping {
                ending: Ending::Left,
                ..
            } if idle => self.say_good_bye(),
            Phase::Stopping { ending, .. } if idle => self.phase = Phase::Over(ending.clone()),
            _ => {}
        }
        match &self.phase {
            Phase::Over(ending) => Some(ending.clone()),
            _ => None,
        }
    }

    /// The input has ended.
    pub(super) async fn drain(&mut self) {
        self.transfers.close();
        self.phase = Phase::Draining;
        if !self.transfers.is_idle() {
            self.show(Event::Waiting {
                transfers: self.transfers.count(),
            })
            .await;
        }
    }

    /// The user wants to leave now.
    pub(super) fn leave(&mut self) {
        self.stop(Ending::Left, "you left the room");
    }

    /// The connection is gone.
    pub(super) fn lose(&mut self, reason: &str) {
        match &self.phase {
            Phase::Farewell { .. } => self.phase = Phase::Over(Ending::Left),
            Phase::Stopping { ending, .. } if *ending != Ending::Left => {}
            _ => {
                let reason = self.closing.take().unwrap_or_else(|| reason.to_owned());
                self.stop(Ending::Lost(reason), "the connection to the room was lost");
            }
        }
    }

    /// This member was put out.
    pub(super) fn put_out(&mut self) {
        self.stop(Ending::Kicked, "you were kicked out of the room");
    }

    fn stop(&mut self, ending: Ending, reason: &str) {
        self.transfers.stop_all(reason);
        self.phase = Phase::Stopping {
            ending,
            deadline: Instant::now() + STOP_TIME,
        };
    }

    fn say_good_bye(&mut self) {
        if let Ok(leave) = Encoded::new(&ClientMessage::Leave) {
            // A connection that takes no more says so when it is read.
            let _ = self.writer.feed(&leave);
        }
        self.phase = Phase::Farewell {
            deadline: Instant::now() + FAREWELL_TIME,
        };
    }
}
