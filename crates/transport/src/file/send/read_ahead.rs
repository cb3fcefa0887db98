//! A thread that reads a file from a disk that does not keep up.

use std::io;

use tokio::sync::mpsc;

use super::contents::Contents;
use super::store::Batch;
use crate::file::SourceError;

/// Batches that are read before they are asked for.
const AHEAD: usize = 8;

/// A file being read in the background.
#[derive(Debug)]
pub(super) struct ReadAhead {
    batches: mpsc::Receiver<Result<ReadBatch, SourceError>>,
    /// The next one, once it has been waited for.
    next: Option<Result<ReadBatch, SourceError>>,
    used: mpsc::Sender<Batch>,
    hash: Option<[u8; 32]>,
}

/// A batch as it was read.
#[derive(Debug)]
struct ReadBatch {
    batch: Batch,
    first_segment: u64,
    /// Of the whole file, with the last.
    hash: Option<[u8; 32]>,
}

impl ReadAhead {
    /// Reads on from where `contents` is. Ends with it, or when it is dropped.
    pub(super) fn start(mut contents: Contents) -> Self {
        let (deliver, batches) = mpsc::channel(AHEAD);
        let (used, mut spare) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            while !contents.is_at_end() {
                let batch = spare.try_recv().unwrap_or_default();
                let is_wanted = || !deliver.is_closed();
                let Some(read) = read_next(&mut contents, batch, is_wanted).transpose() else {
                    return;
                };
                let failed = read.is_err();
                if deliver.blocking_send(read).is_err() || failed {
                    return;
                }
            }
        });
        Self {
            batches,
            next: None,
            used,
            hash: None,
        }
    }

    /// The next batch and its first segment, where it is here already.
    pub(super) fn take(&mut self) -> Result<Option<(u64, Batch)>, SourceError> {
        let next = match self.next.take() {
            Some(next) => next,
            None => match self.batches.try_recv() {
                Ok(next) => next,
                Err(_) => return Ok(None),
            },
        };
        let read = next?;
        self.hash = read.hash;
        Ok(Some((read.first_segment, read.batch)))
    }

    /// Waits until there is a next batch. Cancel-safe.
    ///
    /// # Errors
    /// There will be none.
    pub(super) async fn ready(&mut self) -> io::Result<()> {
        if self.next.is_none() {
            self.next = self.batches.recv().await;
        }
        match self.next {
            Some(_) => Ok(()),
            None => Err(io::Error::other("reading the file broke off")),
        }
    }

    /// Takes back the memory of a batch.
    pub(super) fn recycle(&mut self, batch: Batch) {
        // There are more than the thread needs, or it has ended.
        let _ = self.used.try_send(batch);
    }

    /// The hash of the file once all of it was taken, where one is made.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        self.hash
    }
}

/// The next batch, after all that is hashed before it; none where nobody wants it any more.
fn read_next(
    contents: &mut Contents,
    mut batch: Batch,
    is_wanted: impl Fn() -> bool,
) -> Result<Option<ReadBatch>, SourceError> {
    let first_segment = contents.next_segment();
    while !contents.read(&mut batch)? {
        if !is_wanted() {
            return Ok(None);
        }
    }
    let hash = contents.is_at_end().then(|| contents.hash()).flatten();
    Ok(Some(ReadBatch {
        batch,
        first_segment,
        hash,
    }))
}
