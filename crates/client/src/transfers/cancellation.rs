//! Cancels a transfer from outside, with a reason.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Cancels a transfer. Clones cancel the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Cancellation {
    token: CancellationToken,
    reason: Arc<OnceLock<String>>,
}

impl Cancellation {
    /// Cancels the transfer. The first reason counts.
    pub(super) fn cancel(&self, reason: &str) {
        let _ = self.reason.set(reason.to_owned());
        self.token.cancel();
    }

    /// A token for a part of the transfer: this cancels it, and not the other way round.
    pub(super) fn child_token(&self) -> CancellationToken {
        self.token.child_token()
    }

    /// Waits for the cancellation, and returns its reason.
    pub(super) async fn cancelled(&self) -> String {
        self.token.cancelled().await;
        self.reason().unwrap_or_default()
    }

    /// Why the transfer was cancelled, if it was.
    pub(super) fn reason(&self) -> Option<String> {
        self.reason.get().cloned()
    }
}
