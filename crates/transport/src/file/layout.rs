//! How a file is divided.

use backroom_protocol::segment::SegmentBytes;

use crate::udp::batch_limit;

/// How a file is divided into segments, and segments into batches. A batch is one GSO send.
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

    /// How many of the `count` segments from `first` on are in the batch of `first`.
    pub(super) fn within_batch(&self, first: u64, count: usize) -> usize {
        let offset = (first % self.segments_per_batch as u64) as usize;
        count.min(self.segments_per_batch - offset)
    }

    /// The payload that segment `seq` must have; 0 beyond the file.
    pub(super) fn payload_bytes(&self, seq: u64) -> u64 {
        if seq >= self.segments {
            return 0;
        }
        self.bytes_below(seq + 1) - self.bytes_below(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment_bytes() -> SegmentBytes {
        SegmentBytes::try_from(1_200).unwrap()
    }

    #[test]
    fn segments_cover_the_file_without_gap_or_overlap() {
        let layout = Layout::new(129 * 1_200 + 1, segment_bytes());
        assert_eq!(layout.bytes_below(0), 0);
        assert_eq!(layout.bytes_below(129), 129 * 1_200);
        assert_eq!(layout.bytes_below(130), 129 * 1_200 + 1);
        assert_eq!(layout.payload_bytes(128), 1_200);
        assert_eq!(layout.payload_bytes(129), 1);
        assert_eq!(layout.payload_bytes(130), 0);
        assert_eq!(Layout::new(0, segment_bytes()).segments, 0);
        assert_eq!(Layout::new(2_400, segment_bytes()).segments, 2);
    }

    #[test]
    fn a_run_is_cut_where_a_batch_ends() {
        let layout = Layout::new(1 << 20, segment_bytes());
        assert_eq!(layout.within_batch(0, 1_000), 52);
        assert_eq!(layout.within_batch(50, 100), 2);
        assert_eq!(layout.within_batch(50, 1), 1);
        assert_eq!(layout.within_batch(104, usize::MAX), 52);
    }
}
