//! A thread that reads a file from a slow disk ahead of the sender.

use std::io;
use std::thread;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::contents::Contents;
use super::result::SendError;
use super::store::Batch;
use crate::file::source::SourceError;
use crate::file::waker::Waker;

/// Batches that are read before they are needed.
const AHEAD: usize = 8;

/// A file that another thread reads.
#[derive(Debug)]
pub(super) struct ReadAhead {
    batches: mpsc::Receiver<Result<ReadBatch, SourceError>>,
    used: mpsc::Sender<Batch>,
    /// The hash of the file once all of it was taken, if one is made.
    pub(super) hash: Option<[u8; 32]>,
}

/// A batch before it is sealed. The last one comes with the hash of the whole file.
type ReadBatch = (Batch, Option<[u8; 32]>);

impl ReadAhead {
    /// Reads on from where `contents` is, and wakes the sender's thread after each batch. The thread ends with the file, or
    /// when this is dropped.
    ///
    /// # Errors
    /// If the system provides no thread.
    pub(super) fn start(contents: Contents, waker: Waker) -> io::Result<Self> {
        let (deliver, batches) = mpsc::channel(AHEAD);
        let (used, spare) = mpsc::channel(AHEAD);
        thread::Builder::new()
            .name("read-ahead".into())
            .spawn(move || {
                read_all(contents, deliver, spare, &waker);
                // After the channel is closed: an early end must not leave the sender waiting.
                waker.wake();
            })?;
        Ok(Self {
            batches,
            used,
            hash: None,
        })
    }

    /// The next batch, if it has been read.
    ///
    /// # Errors
    /// If the file can't be read.
    pub(super) fn take(&mut self) -> Result<Option<Batch>, SendError> {
        let (batch, hash) = match self.batches.try_recv() {
            Ok(read) => read?,
            Err(TryRecvError::Empty) => return Ok(None),
            Err(TryRecvError::Disconnected) => {
                return Err(io::Error::other("the thread that reads the file panicked").into());
            }
        };
        self.hash = hash;
        Ok(Some(batch))
    }

    /// Takes back a batch that is no longer needed, for its memory.
    pub(super) fn recycle(&mut self, batch: Batch) {
        // Fails if there are more than the thread needs, or if it has ended.
        let _ = self.used.try_send(batch);
    }
}

fn read_all(
    mut contents: Contents,
    deliver: mpsc::Sender<Result<ReadBatch, SourceError>>,
    mut spare: mpsc::Receiver<Batch>,
    waker: &Waker,
) {
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
        waker.wake();
    }
}

/// The next batch, after hashing all that lies before it. `None` if it is no longer wanted.
fn read_next(
    contents: &mut Contents,
    mut batch: Batch,
    is_wanted: impl Fn() -> bool,
) -> Result<Option<ReadBatch>, SourceError> {
    while !contents.read(&mut batch)? {
        if !is_wanted() {
            return Ok(None);
        }
    }
    let hash = contents.is_at_end().then(|| contents.hash()).flatten();
    Ok(Some((batch, hash)))
}
