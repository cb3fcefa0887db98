//! Stops a transfer from outside, with a reason.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Stops a transfer. Clones stop the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<String>>,
}

impl Stop {
    /// Stops the transfer. The first reason counts.
    pub(super) fn stop(&self, reason: &str) {
        let _ = self.reason.set(reason.to_owned());
        self.token.cancel();
    }

    /// A stop for a part of the transfer: this one triggers it, and not the other way round.
    pub(super) fn child(&self) -> Self {
        Self {
            token: self.token.child_token(),
            reason: Arc::clone(&self.reason),
        }
    }

    /// The token that cancels the transport's part.
    pub(super) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    pub(super) async fn stopped(&self) -> String {
        self.token.cancelled().await;
        self.reason()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.token.is_cancelled()
    }

    pub(super) fn reason(&self) -> String {
        self.reason
            .get()
            .map_or("cancelled", String::as_str)
            .to_owned()
    }
}
