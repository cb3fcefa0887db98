//! A timer that is moved far more often than it fires.

use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};

/// Where no timer is set, it still wakes this often, which does nothing.
const IDLE: Duration = Duration::from_secs(3_600);

/// Waits for a deadline that each ACK moves: setting it later costs nothing, and the early wake-up that follows is the
/// caller's to ignore.
#[derive(Debug)]
pub(super) struct Timer {
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    pub(super) fn new() -> Self {
        Self {
            sleep: Box::pin(sleep_until(tokio::time::Instant::now() + IDLE)),
        }
    }

    /// Waits until `deadline`, or some time before. Cancel-safe.
    pub(super) async fn wait(&mut self, deadline: Option<Instant>) {
        let deadline = match deadline {
            Some(deadline) => tokio::time::Instant::from_std(deadline),
            None => tokio::time::Instant::now() + IDLE,
        };
        if deadline < self.sleep.deadline() || self.sleep.is_elapsed() {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().await;
    }
}

/// The time the state machines are told: tokio's, so that it stands still where a test says so.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
