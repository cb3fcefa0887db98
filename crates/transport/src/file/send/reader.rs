//! Reads a file, hashes it where that is asked for, and seals its segments, each once.

use backroom_protocol::segment::{HEADER_BYTES, SegmentSealer};

use super::SendError;
use super::plaintext::Plaintext;
use super::store::{Layout, SealedBatch};

/// The round that segments are sealed with: that of a first transmission before any go-back.
pub(super) const SEALED_ROUND: u16 = 0;

/// A file on its way into sealed batches.
///
/// It reads no more than is about to be sent, so that a batch is still in the processor's cache when the kernel copies it.
/// Once as many batches have been made as the window needs, nothing is allocated any more.
pub(super) struct Reader {
    plaintext: Plaintext,
    layout: Layout,
    sealer: SegmentSealer,
    next_segment: u64,
    spare: Vec<SealedBatch>,
}

impl Reader {
    /// Batches come from that of `first_segment` on.
    pub(super) fn new(
        plaintext: Plaintext,
        layout: Layout,
        first_segment: u64,
        sealer: SegmentSealer,
    ) -> Self {
        Self {
            plaintext,
            layout,
            sealer,
            next_segment: layout.batch_start(first_segment),
            spare: Vec::new(),
        }
    }

    /// Reads some more: the next batch, or nothing yet while what lies before it is hashed. Only called before the end.
    pub(super) fn read(&mut self) -> Result<Option<SealedBatch>, SendError> {
        let first = self.next_segment;
        if !self
            .plaintext
            .skip_towards(self.layout.bytes_below(first))?
        {
            return Ok(None);
        }
        let per_batch = self.layout.segments_per_batch as u64;
        let end = (first + per_batch).min(self.layout.segments);
        let mut batch = self.spare.pop().unwrap_or_default();
        self.fill(&mut batch, first, end)?;
        self.next_segment = end;
        Ok(Some(batch))
    }

    /// Takes back the memory of a batch that is not needed any more.
    pub(super) fn recycle(&mut self, batch: SealedBatch) {
        self.spare.push(batch);
    }

    /// The hash of what was read, where one is made.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        self.plaintext.hash()
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
