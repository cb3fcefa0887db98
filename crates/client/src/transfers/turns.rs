//! Turns of unicast streams. Each needs a socket, a thread and memory for a window, and all share the same bandwidth.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Limits the unicast streams of one file, and those of all files.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    of_file: Arc<Semaphore>,
    of_all: Arc<Semaphore>,
}

/// A stream's turn, until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _of_file: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Turns {
    /// At most `streams` at the same time for one file, within the limit `of_all` files.
    pub(super) fn new(streams: usize, of_all: Arc<Semaphore>) -> Self {
        let of_file = Arc::new(Semaphore::new(streams));
        Self { of_file, of_all }
    }

    /// Waits for a turn. The turns are taken in the order of the calls.
    pub(super) async fn take(&self) -> Option<Turn> {
        // The semaphores are never closed.
        let of_file = Arc::clone(&self.of_file).acquire_owned().await.ok()?;
        let of_all = Arc::clone(&self.of_all).acquire_owned().await.ok()?;
        Some(Turn {
            _of_file: of_file,
            _of_all: of_all,
        })
    }
}
