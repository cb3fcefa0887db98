//! What a transfer's owner holds in hand while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

use super::TraceSink;

/// Ends a transfer, and watches it. Every field may be left at its default.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// Cancelled, it ends the transfer soon and cleanly.
    pub cancel: CancellationToken,
    /// How far it is.
    pub progress: Progress,
    /// Where to tell each step, for the lab's pictures.
    pub trace: Option<TraceSink>,
}

/// How many bytes of the file are with the receiver. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Bytes acknowledged (at the sender) or delivered in order (at the receiver) so far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}
