//! Detects a disk that does not keep up.

use std::time::Duration;

/// A read or a write that takes longer counts as slow. Each is 256 KiB at most.
const SLOW: Duration = Duration::from_millis(5);

/// This many slow accesses make a disk slow. A few are also seen if a thread waits for the processor.
pub(super) const MAX_SLOW: u32 = 3;

/// Counts the slow reads or writes of one file.
#[derive(Debug, Default)]
pub(super) struct SlowDiskDetector {
    slow_count: u32,
}

impl SlowDiskDetector {
    /// Records how long one access took. True if the disk is slow.
    pub(super) fn record(&mut self, elapsed: Duration) -> bool {
        if elapsed > SLOW {
            self.slow_count += 1;
        }
        self.slow_count >= MAX_SLOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_slow_after_three_slow_accesses() {
        let mut detector = SlowDiskDetector::default();
        for (milliseconds, is_slow) in [(5, false), (6, false), (4, false), (900, false), (6, true)]
        {
            let elapsed = Duration::from_millis(milliseconds);
            assert_eq!(detector.record(elapsed), is_slow);
        }
    }
}
