//! Reads a file into batches, and hashes it if that is asked for.

use std::array;
use std::io::IoSliceMut;

use backroom_protocol::segment::HEADER_BYTES;

use super::plaintext::Plaintext;
use super::store::Batch;
use crate::file::layout::Layout;
use crate::file::source::{SourceError, SourceFile};
use crate::udp::MAX_GSO_DATAGRAMS;

/// Reads the file to where it is going to be sealed.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    source: SourceFile,
    /// Hashing needs aligned blocks, which do not coincide with batches.
    hashed: Option<Plaintext>,
    layout: Layout,
    next_segment: u64,
}

impl Contents {
    /// The first batch is the one that contains `first_segment`.
    pub(super) fn new(
        source: SourceFile,
        with_hash: bool,
        layout: Layout,
        first_segment: u64,
    ) -> Self {
        let batch_bytes = layout.segments_per_batch * usize::from(layout.segment_bytes.value());
        Self {
            hashed: with_hash.then(|| Plaintext::new(source.clone(), batch_bytes)),
            source,
            layout,
            next_segment: layout.batch_start(first_segment),
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.next_segment >= self.layout.segments
    }

    /// The hash of what was read, if one is made.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        self.hashed.as_ref().map(Plaintext::hash)
    }

    /// Reads the next batch. False if it only hashed a block that lies before the batch. Only called before the end.
    pub(super) fn read(&mut self, batch: &mut Batch) -> Result<bool, SourceError> {
        let first = self.next_segment;
        let offset = self.layout.bytes_below(first);
        if let Some(plaintext) = &mut self.hashed
            && !plaintext.skip_towards(offset)?
        {
            return Ok(false);
        }
        let end = (first + self.layout.segments_per_batch as u64).min(self.layout.segments);
        let bytes = (self.layout.bytes_below(end) - offset) as usize;
        let segment_bytes = usize::from(self.layout.segment_bytes.value());
        let datagram_bytes = self.layout.segment_bytes.datagram_bytes();
        let overhead = datagram_bytes - segment_bytes;
        batch.first_segment = first;
        batch.segments = (end - first) as usize;
        batch.datagrams.resize(bytes + batch.segments * overhead, 0);
        let payloads = batch.datagrams.chunks_mut(datagram_bytes).map(|datagram| {
            let end = HEADER_BYTES + datagram.len() - overhead;
            &mut datagram[HEADER_BYTES..end]
        });
        match &mut self.hashed {
            Some(plaintext) => {
                let taken = plaintext.take(bytes)?.chunks(segment_bytes);
                for (payload, taken) in payloads.zip(taken) {
                    payload.copy_from_slice(taken);
                }
            }
            None => {
                let mut pieces: [_; MAX_GSO_DATAGRAMS] =
                    array::from_fn(|_| IoSliceMut::new(&mut []));
                for (piece, payload) in pieces.iter_mut().zip(payloads) {
                    *piece = IoSliceMut::new(payload);
                }
                let pieces = &mut pieces[..batch.segments];
                self.source.read_scattered(pieces, offset)?;
            }
        }
        // After the read: bytes of two versions must not become one file.
        self.source.check_unchanged()?;
        self.next_segment = end;
        Ok(true)
    }
}
