//! Keeps the sealed segments of the window until they are acknowledged.

use std::collections::VecDeque;

use crate::file::layout::Layout;

/// Consecutive datagrams, one after the other. Only the last one of the file may be shorter.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) first_segment: u64,
    pub(super) datagrams: Vec<u8>,
    pub(super) segments: usize,
}

/// The batches of the window, oldest first. All but the last one of the file are full, so the position of a segment follows from
/// its number.
#[derive(Debug)]
pub(super) struct SegmentStore {
    layout: Layout,
    batches: VecDeque<Batch>,
    /// The first segment that was not pushed yet.
    pub(super) end: u64,
}

impl SegmentStore {
    /// A store that begins with the batch of `first_segment`.
    pub(super) fn new(layout: Layout, first_segment: u64) -> Self {
        Self {
            layout,
            batches: VecDeque::new(),
            end: layout.batch_start(first_segment),
        }
    }

    pub(super) fn push(&mut self, batch: Batch) {
        self.end += batch.segments as u64;
        self.batches.push_back(batch);
    }

    /// Takes out a batch that lies entirely below `base`, for its memory.
    pub(super) fn pop_below(&mut self, base: u64) -> Option<Batch> {
        let oldest = self.batches.front()?;
        if oldest.first_segment + oldest.segments as u64 > base {
            return None;
        }
        self.batches.pop_front()
    }

    /// The datagrams of `count` segments from `first` on, if they are stored. They must be in one batch
    /// ([`Layout::within_batch`]).
    pub(super) fn run(&mut self, first: u64, count: usize) -> Option<&mut [u8]> {
        let skipped = first.checked_sub(self.batches.front()?.first_segment)?;
        let index = skipped as usize / self.layout.segments_per_batch;
        let batch = self.batches.get_mut(index)?;
        let offset = (first - batch.first_segment) as usize;
        let datagram_bytes = self.layout.segment_bytes.datagram_bytes();
        let end = ((offset + count) * datagram_bytes).min(batch.datagrams.len());
        batch.datagrams.get_mut(offset * datagram_bytes..end)
    }
}

#[cfg(test)]
mod tests {
    use backroom_protocol::segment::SegmentBytes;

    use super::*;

    const SEGMENTS: u64 = 110;

    /// 110 segments, the last of them one byte long, in batches of 52; each datagram tells its number.
    fn filled() -> SegmentStore {
        let segment_bytes = SegmentBytes::try_from(1_200).unwrap();
        let layout = Layout::new(109 * 1_200 + 1, segment_bytes);
        assert_eq!((layout.segments, layout.segments_per_batch), (SEGMENTS, 52));
        let mut store = SegmentStore::new(layout, 0);
        for first in (0..SEGMENTS).step_by(52) {
            let end = (first + 52).min(SEGMENTS);
            let datagram = |seq: u64| vec![seq as u8; if seq == SEGMENTS - 1 { 38 } else { 1_237 }];
            let datagrams = (first..end).flat_map(datagram).collect();
            store.push(Batch {
                first_segment: first,
                datagrams,
                segments: (end - first) as usize,
            });
        }
        store
    }

    #[test]
    fn a_run_is_the_datagrams_of_its_segments() {
        let mut store = filled();
        assert_eq!(store.end, SEGMENTS);
        for (first, count) in [(0, 52), (51, 1), (52, 10), (100, 4), (104, 6), (109, 1)] {
            let last_bytes = if first + count as u64 == SEGMENTS {
                38
            } else {
                1_237
            };
            let run = store.run(first, count).unwrap();
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
            store.run(51, 1).is_none(),
            "what was freed is not there any more"
        );
        assert_eq!(store.run(52, 1).unwrap()[0], 52);
        assert_eq!(store.pop_below(SEGMENTS).unwrap().segments, 52);
        assert_eq!(store.pop_below(SEGMENTS).unwrap().segments, 6);
        assert!(store.pop_below(SEGMENTS).is_none());
    }
}
