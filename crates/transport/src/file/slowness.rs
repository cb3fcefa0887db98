//! Whether a disk keeps up.

use std::time::{Duration, Instant};

use super::timer::now;

/// A read or a write that takes longer is slow. Each is 256 KiB at most.
const SLOW: Duration = Duration::from_millis(5);

/// So many slow ones make a slow disk: a few are also seen where a program waits for the processor.
pub(super) const MAX_SLOW: u32 = 3;

/// Counts a file's slow reads or writes.
#[derive(Debug, Default)]
pub(super) struct Slowness {
    slow: u32,
}

impl Slowness {
    /// Takes note of one that began at `begun` and is over. True where the disk is slow: then it gets a thread, so that ACKs
    /// don't wait for it.
    pub(super) fn note(&mut self, begun: Instant) -> bool {
        if now().saturating_duration_since(begun) > SLOW {
            self.slow += 1;
        }
        self.slow >= MAX_SLOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_disk_is_slow_that_was_so_three_times() {
        let mut slowness = Slowness::default();
        let mut after = async |milliseconds| {
            let begun = now();
            tokio::time::advance(Duration::from_millis(milliseconds)).await;
            slowness.note(begun)
        };
        for (milliseconds, is_slow) in [(5, false), (6, false), (4, false), (900, false), (6, true)]
        {
            assert_eq!(after(milliseconds).await, is_slow);
        }
    }
}
