//! The sealed segments of the window: kept as they are until the receiver has them.

use std::collections::VecDeque;

use backroom_protocol::segment::SegmentBytes;

/// How a file is cut into segments, and segments into batches of one GSO send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) file_bytes: u64,
    pub(super) segment_bytes: SegmentBytes,
    pub(super) segments: u64,
    pub(super) segments_per_batch: usize,
}

impl Layout {
    pub(super) fn new(file_bytes: u64, segment_bytes: SegmentBytes) -> Self {
        Self {
            file_bytes,
            segment_bytes,
            segments: file_bytes.div_ceil(u64::from(segment_bytes.value())),
            segments_per_batch: crate::udp::batch_limit(segment_bytes.datagram_bytes()),
        }
    }

    /// Bytes of the file below segment `seq`.
    pub(super) fn bytes_below(&self, seq: u64) -> u64 {
        (seq * u64::from(self.segment_bytes.value())).min(self.file_bytes)
    }

    /// How many batches `segments` may spread over.
    pub(super) fn batches(&self, segments: usize) -> usize {
        segments.div_ceil(self.segments_per_batch) + 1
    }

    /// How many of `count` segments from `first` on lie in the batch of `first`.
    pub(super) fn within_batch(&self, first: u64, count: usize) -> usize {
        let offset = (first % self.segments_per_batch as u64) as usize;
        count.min(self.segments_per_batch - offset)
    }
}

/// Consecutive sealed datagrams, one after the other: full ones, the file's last may be shorter.
#[derive(Debug, Default)]
pub(super) struct SealedBatch {
    pub(super) datagrams: Vec<u8>,
    pub(super) segments: usize,
}

/// The batches that hold the window, oldest first. All but the file's last are full, so a segment's place follows
/// from its number.
#[derive(Debug)]
pub(super) struct SegmentStore {
    layout: Layout,
    batches: VecDeque<SealedBatch>,
    first_batch: u64,
    end: u64,
}

impl SegmentStore {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            batches: VecDeque::new(),
            first_batch: 0,
            end: 0,
        }
    }

    /// The first segment that is not here yet.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn push(&mut self, batch: SealedBatch) {
        self.end += batch.segments as u64;
        self.batches.push_back(batch);
    }

    /// Takes out a batch of which nothing is needed any more, for its memory.
    pub(super) fn pop_below(&mut self, base: u64) -> Option<SealedBatch> {
        let front = self.batches.front()?;
        let end = self.first_batch * self.layout.segments_per_batch as u64 + front.segments as u64;
        if end > base {
            return None;
        }
        self.first_batch += 1;
        self.batches.pop_front()
    }

    /// The datagrams of `count` segments from `first` on, which must be here and in one batch
    /// ([`Layout::within_batch`]). Empty where they are not.
    pub(super) fn run(&mut self, first: u64, count: usize) -> &mut [u8] {
        let per_batch = self.layout.segments_per_batch as u64;
        let Some(index) = (first / per_batch).checked_sub(self.first_batch) else {
            return &mut [];
        };
        let Some(batch) = self.batches.get_mut(index as usize) else {
            return &mut [];
        };
        let offset = (first % per_batch) as usize;
        let datagram_bytes = self.layout.segment_bytes.datagram_bytes();
        let end = ((offset + count) * datagram_bytes).min(batch.datagrams.len());
        batch
            .datagrams
            .get_mut(offset * datagram_bytes..end)
            .unwrap_or_default()
    }
}
