//! How a caller controls and watches a transfer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

use super::trace::TraceSink;

/// Cancels and watches a transfer. Every field may be left at its default.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// Cancels the transfer, which then ends within a few seconds.
    pub cancel: CancellationToken,
    /// How much of the file has arrived.
    pub progress: Progress,
    /// The streams that share a link. With an automatic window they fill its queue no more than one stream would.
    pub streams: StreamCount,
    /// Where to record each step.
    pub trace: Option<TraceSink>,
}

/// How many bytes of the file the receiver has. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Bytes acknowledged (at the sender) or delivered in order (at the receiver) so far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

/// The number of streams that a program sends at present. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct StreamCount(Arc<AtomicU32>);

/// A stream that counts until this is dropped.
#[derive(Debug)]
pub(super) struct StreamCountGuard(StreamCount);

impl StreamCount {
    pub(super) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn enter(&self) -> StreamCountGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        StreamCountGuard(self.clone())
    }
}

impl Drop for StreamCountGuard {
    fn drop(&mut self) {
        let Self(StreamCount(count)) = self;
        count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_counts_from_its_beginning_to_its_end_in_every_clone() {
        let streams = StreamCount::default();
        let first = streams.enter();
        let second = streams.clone().enter();
        assert_eq!(streams.get(), 2);
        drop(first);
        assert_eq!(streams.get(), 1);
        drop(second);
        assert_eq!(streams.get(), 0);
    }
}
