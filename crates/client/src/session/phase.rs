//! The life cycle of a session.

use tokio::time::{Instant, sleep_until};

/// The way in which a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A command or the end of the input ended it.
    Left,
    /// A signal ended it, or nobody reads the output any more.
    Interrupted,
    /// The connection was lost, for this reason.
    Lost(String),
    Kicked,
}

/// What became of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) ending: Ending,
    /// The lines and files that failed.
    pub(crate) failures: usize,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// The member is in the room.
    Open,
    /// The input has ended. The session ends when the active transfers have.
    Draining,
    /// Transfers are being stopped. Then the session ends in this way.
    Stopping { ending: Ending, deadline: Instant },
    /// The leave message has been queued. The room will close the connection.
    Leaving { ending: Ending, deadline: Instant },
    /// The session has ended.
    Over(Ending),
}

impl Ending {
    /// Whether this member leaves, and tells the room.
    pub(super) fn is_voluntary(&self) -> bool {
        matches!(self, Self::Left | Self::Interrupted)
    }
}

impl Phase {
    pub(super) fn is_ending(&self) -> bool {
        !matches!(self, Self::Open | Self::Draining)
    }

    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Stopping { ending, .. } | Self::Over(ending) => ending.is_voluntary(),
            Self::Open | Self::Draining | Self::Leaving { .. } => true,
        }
    }

    /// Waits for the deadline of this phase, if it has one.
    pub(super) async fn deadline(&self) {
        match self {
            Self::Stopping { deadline, .. } | Self::Leaving { deadline, .. } => {
                sleep_until(*deadline).await
            }
            Self::Open | Self::Draining | Self::Over(_) => std::future::pending().await,
        }
    }

    /// Continues without what the phase waits for.
    pub(super) fn expire(&mut self) {
        match self {
            Self::Leaving { ending, .. } | Self::Stopping { ending, .. } => {
                *self = Self::Over(ending.clone());
            }
            Self::Open | Self::Draining | Self::Over(_) => {}
        }
    }
}
