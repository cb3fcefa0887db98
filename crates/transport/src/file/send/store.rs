//! The sealed segments of the window: kept as they are until the receiver has them.

use std::collections::VecDeque;

use backroom_protocol::segment::SegmentBytes;

use crate::udp::batch_limit;

/// How a file is cut into segments, and segments into batches, each of one GSO send.
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
            segments_per_batch: batch_limit(segment_bytes.datagram_bytes()),
        }
    }

    /// Bytes of the file below segment `seq`.
    pub(super) fn bytes_below(&self, seq: u64) -> u64 {
        (seq * u64::from(self.segment_bytes.value())).min(self.file_bytes)
    }

    /// The first segment of the batch that `segment` is in.
    pub(super) fn batch_start(&self, segment: u64) -> u64 {
        segment - segment % self.segments_per_batch as u64
    }

    /// How many of `count` segments from `first` on lie in the batch of `first`.
    pub(super) fn within_batch(&self, first: u64, count: usize) -> usize {
        let offset = (first % self.segments_per_batch as u64) as usize;
        count.min(self.segments_per_batch - offset)
    }
}

/// Consecutive datagrams, one after the other: full ones, the file's last may be shorter.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) datagrams: Vec<u8>,
    pub(super) segments: usize,
}

/// The batches that hold the window, oldest first. All but the file's last are full, so a segment's place follows
/// from its number.
#[derive(Debug)]
pub(super) struct SegmentStore {
    layout: Layout,
    batches: VecDeque<Batch>,
    first_batch: u64,
    end: u64,
}

impl SegmentStore {
    /// A store that is filled from the batch of `first_segment` on.
    pub(super) fn new(layout: Layout, first_segment: u64) -> Self {
        let start = layout.batch_start(first_segment);
        Self {
            layout,
            batches: VecDeque::new(),
            first_batch: start / layout.segments_per_batch as u64,
            end: start,
        }
    }

    /// The first segment that is not here yet.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn push(&mut self, batch: Batch) {
        self.end += batch.segments as u64;
        self.batches.push_back(batch);
    }

    /// Takes out a batch of which nothing is needed any more, for its memory.
    pub(super) fn pop_below(&mut self, base: u64) -> Option<Batch> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENTS: u64 = 110;

    /// 110 segments, the last of them one byte long, in batches of 52; each datagram tells its number.
    fn filled() -> SegmentStore {
        let segment_bytes = SegmentBytes::DEFAULT;
        let layout = Layout::new(109 * 1_200 + 1, segment_bytes);
        assert_eq!((layout.segments, layout.segments_per_batch), (SEGMENTS, 52));
        let mut store = SegmentStore::new(layout, 0);
        for first in (0..SEGMENTS).step_by(52) {
            let end = (first + 52).min(SEGMENTS);
            let datagram = |seq: u64| vec![seq as u8; if seq == SEGMENTS - 1 { 38 } else { 1_237 }];
            let datagrams = (first..end).flat_map(datagram).collect();
            store.push(Batch {
                datagrams,
                segments: (end - first) as usize,
            });
        }
        store
    }

    #[test]
    fn the_file_is_cut_without_gap_or_overlap() {
        let layout = Layout::new(129 * 1_200 + 1, SegmentBytes::DEFAULT);
        assert_eq!(layout.bytes_below(0), 0);
        assert_eq!(layout.bytes_below(129), 129 * 1_200);
        assert_eq!(layout.bytes_below(130), 129 * 1_200 + 1);
        assert_eq!(Layout::new(0, SegmentBytes::DEFAULT).segments, 0);
        assert_eq!(Layout::new(2_400, SegmentBytes::DEFAULT).segments, 2);
    }

    #[test]
    fn a_run_is_the_datagrams_of_its_segments() {
        let mut store = filled();
        assert_eq!(store.end(), SEGMENTS);
        for (first, count) in [(0, 52), (51, 1), (52, 10), (100, 4), (104, 6), (109, 1)] {
            let last_bytes = if first + count as u64 == SEGMENTS {
                38
            } else {
                1_237
            };
            let run = store.run(first, count);
            assert_eq!(run.len(), (count - 1) * 1_237 + last_bytes);
            assert!(
                run.chunks(1_237)
                    .zip(first..)
                    .all(|(datagram, seq)| datagram[0] == seq as u8)
            );
        }
    }

    #[test]
    fn a_batch_goes_once_none_of_its_segments_is_needed() {
        let mut store = filled();
        assert!(store.pop_below(51).is_none());
        assert_eq!(store.pop_below(52).unwrap().segments, 52);
        assert!(store.pop_below(103).is_none());
        assert!(
            store.run(51, 1).is_empty(),
            "what was freed is not there any more"
        );
        assert_eq!(store.run(52, 1)[0], 52);
        assert_eq!(store.pop_below(SEGMENTS).unwrap().segments, 52);
        assert_eq!(store.pop_below(SEGMENTS).unwrap().segments, 6);
        assert!(store.pop_below(SEGMENTS).is_none());
    }

    #[test]
    fn a_run_is_cut_where_a_batch_ends() {
        let layout = Layout::new(1 << 20, SegmentBytes::DEFAULT);
        assert_eq!(layout.within_batch(0, 1_000), 52);
        assert_eq!(layout.within_batch(50, 100), 2);
        assert_eq!(layout.within_batch(50, 1), 1);
        assert_eq!(layout.within_batch(104, usize::MAX), 52);
    }
}
