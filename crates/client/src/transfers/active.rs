//! The active transfers and their progress, for the user interfaces and the command `transfers`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backroom_transport::file::Progress;
use backroom_vocabulary::event::{Direction, Peer, Transfer};

/// The active transfers. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ActiveTransfers(Arc<Mutex<BTreeMap<u64, Entry>>>);

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) direction: Direction,
    pub(super) file: String,
    pub(super) bytes: u64,
    pub(super) peers: Vec<(String, Progress)>,
}

impl ActiveTransfers {
    /// The active transfers and their present progress, oldest first.
    pub(crate) fn list(&self) -> Vec<Transfer> {
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
                queued: false,
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
