//! Reads a file, hashes it where that is asked for, and seals its segments, each once.

use std::array;
use std::io::IoSliceMut;

use backroom_protocol::segment::{HEADER_BYTES, SegmentSealer};

use super::SendError;
use super::plaintext::Plaintext;
use super::store::{Layout, SealedBatch};
use crate::file::SourceFile;
use crate::udp::MAX_GSO_DATAGRAMS;

/// The round that segments are sealed with: that of a first transmission before any go-back.
pub(super) const SEALED_ROUND: u16 = 0;

/// A file on its way into sealed batches.
///
/// It reads no more than is about to be sent, so that a batch is still in the processor's cache when the kernel copies it.
/// Without a hash it reads to where it seals. Once as many batches have been made as the window needs, nothing is allocated any more.
pub(super) struct Reader {
    source: SourceFile,
    /// What is hashed is read in other pieces than what is sealed.
    hashed: Option<Plaintext>,
    layout: Layout,
    sealer: SegmentSealer,
    next_segment: u64,
    spare: Vec<SealedBatch>,
}

impl Reader {
    /// Batches come from that of `first_segment` on.
    pub(super) fn new(
        source: SourceFile,
        with_hash: bool,
        layout: Layout,
        first_segment: u64,
        sealer: SegmentSealer,
    ) -> Self {
        let batch_bytes = layout.segments_per_batch * usize::from(layout.segment_bytes.value());
        Self {
            hashed: with_hash.then(|| Plaintext::new(source.clone(), batch_bytes)),
            source,
            layout,
            sealer,
            next_segment: layout.batch_start(first_segment),
            spare: Vec::new(),
        }
    }

    /// Reads some more: the next batch, or nothing yet while what lies before it is hashed. Only called before the end.
    pub(super) fn read(&mut self) -> Result<Option<SealedBatch>, SendError> {
        let first = self.next_segment;
        if let Some(plaintext) = &mut self.hashed
            && !plaintext.skip_towards(self.layout.bytes_below(first))?
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
        self.hashed.as_ref().map(Plaintext::hash)
    }

    fn fill(&mut self, batch: &mut SealedBatch, first: u64, end: u64) -> Result<(), SendError> {
        let offset = self.layout.bytes_below(first);
        let bytes = (self.layout.bytes_below(end) - offset) as usize;
        batch.segments = (end - first) as usize;
        let segment_bytes = usize::from(self.layout.segment_bytes.value());
        let datagram_bytes = self.layout.segment_bytes.datagram_bytes();
        let overhead = datagram_bytes - segment_bytes;
        batch.datagrams.resize(bytes + batch.segments * overhead, 0);
        let payloads = batch.datagrams.chunks_mut(datagram_bytes).map(|datagram| {
            let end = HEADER_BYTES + datagram.len() - overhead;
            &mut datagram[HEADER_BYTES..end]
        });
        match &mut self.hashed {
            Some(plaintext) => {
                let taken = plaintext.take(bytes)?.chunks(segment_bytes);
                taken
                    .zip(payloads)
                    .for_each(|(from, to)| to.copy_from_slice(from));
            }
            None => {
                let mut pieces: [_; MAX_GSO_DATAGRAMS] =
                    array::from_fn(|_| IoSliceMut::new(&mut []));
                for (piece, payload) in pieces.iter_mut().zip(payloads) {
                    *piece = IoSliceMut::new(payload);
                }
                self.source
                    .read_scattered(&mut pieces[..batch.segments], offset)?;
            }
        }
        let datagrams = batch.datagrams.chunks_mut(datagram_bytes);
        for (seq, datagram) in (first..end).zip(datagrams) {
            self.sealer.seal(seq, SEALED_ROUND, datagram)?;
        }
        Ok(())
    }
}
