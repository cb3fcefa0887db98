//! The thread that reads a file, hashes it and seals its segments, each once.

use backroom_protocol::Key;
use backroom_protocol::segment::{HEADER_BYTES, SegmentSealer, Stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::store::{Layout, SealedBatch};
use super::{SendError, SourceFile};

/// How far the reader may be ahead of the window, in bytes.
const AHEAD_BYTES: usize = 1 << 20;

/// The round that segments are sealed with: that of a first transmission before any go-back.
pub(super) const SEALED_ROUND: u16 = 0;

/// The running reader. Dropped, it soon ends.
///
/// A fixed number of batches goes round: empty to the thread, sealed from it. That bounds the memory of a transfer,
/// and nothing is allocated once each batch has been used.
#[derive(Debug)]
pub(super) struct Reader {
    sealed: mpsc::Receiver<SealedBatch>,
    empty: mpsc::Sender<SealedBatch>,
    thread: JoinHandle<Result<[u8; 32], SendError>>,
}

impl Reader {
    /// Starts to read `source` with a window of `window` segments in mind.
    pub(super) fn start(
        source: SourceFile,
        layout: Layout,
        window: usize,
        stream: Stream,
        stream_key: &Key,
    ) -> Self {
        let ahead =
            AHEAD_BYTES / (layout.segments_per_batch * layout.segment_bytes.datagram_bytes());
        let file_batches = usize::try_from(layout.segments)
            .unwrap_or(usize::MAX)
            .div_ceil(layout.segments_per_batch);
        let batches = (layout.batches(window) + ahead.max(2))
            .min(file_batches)
            .max(1);
        let (empty, empties) = mpsc::channel(batches);
        let (seals, sealed) = mpsc::channel(batches);
        for _ in 0..batches {
            // The channel has room for all of them.
            let _ = empty.try_send(SealedBatch::default());
        }
        let sealer = SegmentSealer::new(stream, stream_key);
        let thread = tokio::task::spawn_blocking(move || {
            let work = Work {
                source,
                layout,
                sealer,
                plaintext: Vec::new(),
            };
            work.run(empties, &seals)
        });
        Self {
            sealed,
            empty,
            thread,
        }
    }

    /// The next batch, if one is ready.
    pub(super) fn try_next(&mut self) -> Option<SealedBatch> {
        self.sealed.try_recv().ok()
    }

    /// The next batch, or `None` after the last: then [`Reader::finish`] says how it ended. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<SealedBatch> {
        self.sealed.recv().await
    }

    /// Gives back the memory of a batch that is not needed any more.
    pub(super) fn recycle(&mut self, batch: SealedBatch) {
        // After the last batch nobody wants it.
        let _ = self.empty.try_send(batch);
    }

    /// The hash of everything that was sealed, or why reading ended early.
    pub(super) async fn finish(self) -> Result<[u8; 32], SendError> {
        self.thread.await.map_err(std::io::Error::from)?
    }
}

/// What the thread works with.
struct Work {
    source: SourceFile,
    layout: Layout,
    sealer: SegmentSealer,
    plaintext: Vec<u8>,
}

impl Work {
    fn run(
        mut self,
        mut empties: mpsc::Receiver<SealedBatch>,
        seals: &mpsc::Sender<SealedBatch>,
    ) -> Result<[u8; 32], SendError> {
        let mut hasher = blake3::Hasher::new();
        let mut first = 0;
        while first < self.layout.segments {
            let Some(mut batch) = empties.blocking_recv() else {
                return Err(SendError::Cancelled);
            };
            let per_batch = self.layout.segments_per_batch as u64;
            let end = (first + per_batch).min(self.layout.segments);
            self.fill(&mut batch, first, end, &mut hasher)?;
            if seals.blocking_send(batch).is_err() {
                return Err(SendError::Cancelled);
            }
            first = end;
        }
        Ok(hasher.finalize().into())
    }

    /// Reads and hashes the batch's plaintext in one piece, which both like best, and then seals it segment by segment.
    fn fill(
        &mut self,
        batch: &mut SealedBatch,
        first: u64,
        end: u64,
        hasher: &mut blake3::Hasher,
    ) -> Result<(), SendError> {
        let offset = self.layout.bytes_below(first);
        let bytes = (self.layout.bytes_below(end) - offset) as usize;
        self.plaintext.resize(bytes, 0);
        self.source.read_at(&mut self.plaintext, offset)?;
        hasher.update(&self.plaintext);

        batch.segments = (end - first) as usize;
        let segment_bytes = usize::from(self.layout.segment_bytes.value());
        let datagram_bytes = self.layout.segment_bytes.datagram_bytes();
        let overhead = datagram_bytes - segment_bytes;
        batch.datagrams.resize(bytes + batch.segments * overhead, 0);
        let payloads = self.plaintext.chunks(segment_bytes);
        let datagrams = batch.datagrams.chunks_mut(datagram_bytes);
        for ((seq, payload), datagram) in (first..end).zip(payloads).zip(datagrams) {
            datagram[HEADER_BYTES..HEADER_BYTES + payload.len()].copy_from_slice(payload);
            self.sealer.seal(seq, SEALED_ROUND, datagram)?;
        }
        Ok(())
    }
}
