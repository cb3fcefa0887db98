//! What a transfer's owner holds in hand while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

use super::TraceSink;

/// Ends a transfer, and watches it. Every field may be left at its default.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// Cancelled, it ends the transfer soon and cleanly.
    pub cancel: CancellationToken,
    /// How far it is.
    pub progress: Progress,
    /// The streams that leave by the same link, so that between them they fill its queue no more than one would.
    pub streams: Streams,
    /// Where to tell each step, for the lab's pictures.
    pub trace: Option<TraceSink>,
}

/// How many bytes of the file are with the receiver. Clones share the count.
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

/// How many streams a program sends. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<AtomicU32>);

/// One of [`Streams`], counted for as long as it is kept.
#[derive(Debug)]
pub(super) struct CountedStream(Streams);

impl Streams {
    /// Those there are now.
    pub(super) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more.
    pub(super) fn enter(&self) -> CountedStream {
        self.0.fetch_add(1, Ordering::Relaxed);
        CountedStream(self.clone())
    }
}

impl Drop for CountedStream {
    fn drop(&mut self) {
        let Streams(count) = &self.0;
        count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_counts_from_its_beginning_to_its_end_in_every_clone() {
        let streams = Streams::default();
        let first = streams.enter();
        let second = streams.clone().enter();
        assert_eq!(streams.count(), 2);
        drop(first);
        assert_eq!(streams.count(), 1);
        drop(second);
        assert_eq!(streams.count(), 0);
    }
}
