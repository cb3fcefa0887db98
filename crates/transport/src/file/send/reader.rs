//! The thread that reads a file, hashes it and seals its segments, each once.

use backroom_protocol::Key;
use backroom_protocol::segment::{HEADER_BYTES, SegmentSealer, Stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::plaintext::Plaintext;
use super::store::{Layout, SealedBatch};
use super::{SendError, SourceFile};

/// How far the reader may be ahead of the window, in bytes.
const AHEAD_BYTES: usize = 512 << 10;

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
    thread: Option<JoinHandle<Result<[u8; 32], SendError>>>,
}

impl Reader {
    /// Starts to read `source` with a window of `window` segments in mind. Batches come from that of `first_segment` on;
    /// what lies before is only hashed.
    pub(super) fn start(
        source: SourceFile,
        layout: Layout,
        first_segment: u64,
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
            let batch_bytes = layout.segments_per_batch * usize::from(layout.segment_bytes.value());
            let work = Work {
                plaintext: Plaintext::new(source, batch_bytes),
                layout,
                sealer,
            };
            work.run(layout.batch_start(first_segment), empties, &seals)
        });
        Self {
            sealed,
            empty,
            thread: Some(thread),
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

    /// The hash of the file, or why reading ended early. Only asked once, after the last batch.
    pub(super) async fn finish(&mut self) -> Result<[u8; 32], SendError> {
        match self.thread.take() {
            Some(thread) => thread.await.map_err(std::io::Error::from)?,
            None => Err(SendError::Cancelled),
        }
    }
}

/// What the thread works with.
struct Work {
    plaintext: Plaintext,
    layout: Layout,
    sealer: SegmentSealer,
}

impl Work {
    fn run(
        mut self,
        start: u64,
        mut empties: mpsc::Receiver<SealedBatch>,
        seals: &mpsc::Sender<SealedBatch>,
    ) -> Result<[u8; 32], SendError> {
        while !self
            .plaintext
            .skip_towards(self.layout.bytes_below(start))?
        {
            if seals.is_closed() {
                return Err(SendError::Cancelled);
            }
        }
        let mut first = start;
        while first < self.layout.segments {
            let Some(mut batch) = empties.blocking_recv() else {
                return Err(SendError::Cancelled);
            };
            let per_batch = self.layout.segments_per_batch as u64;
            let end = (first + per_batch).min(self.layout.segments);
            self.fill(&mut batch, first, end)?;
            if seals.blocking_send(batch).is_err() {
                return Err(SendError::Cancelled);
            }
            first = end;
        }
        Ok(self.plaintext.hash())
    }

    fn fill(&mut self, batch: &mut SealedBatch, first: u64, end: u64) -> Result<(), SendError> {
        let bytes = (self.layout.bytes_below(end) - self.layout.bytes_below(first)) as usize;
        let plaintext = self.plaintext.take(bytes)?;
        batch.segments = (end - first) as usize;
        let segment_bytes = usize::from(self.layout.segment_bytes.value());
        let datagram_bytes = self.layout.segment_bytes.datagram_bytes();
        let overhead = datagram_bytes - segment_bytes;
        batch.datagrams.resize(bytes + batch.segments * overhead, 0);
        let payloads = plaintext.chunks(segment_bytes);
        let datagrams = batch.datagrams.chunks_mut(datagram_bytes);
        for ((seq, payload), datagram) in (first..end).zip(payloads).zip(datagrams) {
            datagram[HEADER_BYTES..HEADER_BYTES + payload.len()].copy_from_slice(payload);
            self.sealer.seal(seq, SEALED_ROUND, datagram)?;
        }
        Ok(())
    }
}
