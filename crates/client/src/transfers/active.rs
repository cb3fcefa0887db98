//! The running transfers and their progress, for the user interfaces and the command `transfers`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backroom_transport::file::Progress;

use crate::event::{Direction, Peer, Transfer};

/// The running transfers. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<BTreeMap<u64, Entry>>>);

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) direction: Direction,
    pub(super) file: String,
    pub(super) bytes: u64,
    pub(super) peers: Vec<(String, Progress)>,
}

impl Board {
    /// The running transfers and their present progress, oldest first.
    #[must_use]
    pub fn transfers(&self) -> Vec<Transfer> {
        let peer = |(name, progress): &(String, Progress)| Peer {
            name: name.clone(),
            bytes_done: progress.bytes(),
        };
        self.entries()
            .iter()
            .map(|(&id, entry)| Transfer {
                id,
                direction: entry.direction,
                file: entry.file.clone(),
                bytes: entry.bytes,
                peers: entry.peers.iter().map(peer).collect(),
            })
            .collect()
    }

    pub(super) fn insert(&self, id: u64, entry: Entry) {
        self.entries().insert(id, entry);
    }

    pub(super) fn remove(&self, id: u64) {
        self.entries().remove(&id);
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<u64, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
