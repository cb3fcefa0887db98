//! The state that the line editor and the screen share.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The names of the other members, for completion.
    names: Mutex<Vec<String>>,
    /// The text below the line being edited.
    status: Mutex<String>,
    /// Whether a line is being edited.
    pub(super) reading: AtomicBool,
    /// Whether the program is ending. The editor's blocking read cannot be cancelled, so its thread is parked the next time
    /// that it draws, just after it has cleared its lines.
    pub(super) closing: AtomicBool,
}

impl Shared {
    pub(super) fn names(&self) -> MutexGuard<'_, Vec<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> MutexGuard<'_, String> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
