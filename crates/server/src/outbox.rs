//! The output queue of one member, bounded in bytes.
//!
//! Adding an entry never waits. When a member reads too slowly, its queue becomes full and the member is disconnected, so
//! that it does not delay the others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backroom_protocol::{EncodeError, MemberId, ServerMessage};
use backroom_transport::connection::Encoded;
use thiserror::Error;
use tokio::sync::{Notify, watch};

/// The overhead that each entry counts for, so that the limit also bounds the memory of many small entries.
const ENTRY_BYTES: usize = 64;

/// The largest capacity, in entries, that an empty queue keeps.
const IDLE_ENTRIES: usize = 16;

/// A message to write. Cloning it is cheap, because members share the content.
#[derive(Clone, Debug)]
pub(crate) enum Outgoing {
    /// A message, encoded once for all recipients.
    Message(Encoded<ServerMessage>),
    /// A recipient's part of a post, and the content that all recipients share.
    Delivery {
        from: MemberId,
        content: Arc<[u8]>,
        sealed: Vec<u8>,
    },
}

impl Outgoing {
    /// Encodes the message. An error means that a delivery does not fit into a record, which does not happen with posts that
    /// were decoded from a record.
    pub(crate) fn encode(self) -> Result<Encoded<ServerMessage>, EncodeError> {
        match self {
            Self::Message(message) => Ok(message),
            Self::Delivery {
                from,
                content,
                sealed,
            } => Encoded::delivery(from, &content, &sealed),
        }
    }

    fn bytes(&self) -> usize {
        ENTRY_BYTES
            + match self {
                Self::Message(message) => message.as_bytes().len(),
                Self::Delivery {
                    content, sealed, ..
                } => content.len() + sealed.len(),
            }
    }
}

/// The life cycle of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Entries can be added.
    Open,
    /// No entries can be added. The queued ones will be written.
    Finished,
    /// Nothing will be written any more.
    Aborted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the output queue is full")]
pub(crate) struct QueueFullError;

/// The queue between the room and one member's connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    limit_bytes: usize,
    queue: Mutex<Queue>,
    added: Notify,
    phase: watch::Sender<Phase>,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Outgoing>,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            queue: Mutex::default(),
            added: Notify::new(),
            phase: watch::Sender::new(Phase::Open),
        }
    }

    /// Queues `outgoing`, or ignores it if the queue is finished or aborted.
    pub(crate) fn push(&self, outgoing: Outgoing) -> Result<(), QueueFullError> {
        if *self.phase.borrow() != Phase::Open {
            return Ok(());
        }
        let bytes = outgoing.bytes();
        {
            let mut queue = self.lock();
            if queue.bytes + bytes > self.limit_bytes {
                return Err(QueueFullError);
            }
            queue.bytes += bytes;
            queue.entries.push_back(outgoing);
        }
        self.added.notify_one();
        Ok(())
    }

    /// Ends the queue after the queued entries.
    pub(crate) fn finish(&self) {
        self.end(Phase::Finished);
    }

    /// Ends the queue and drops the queued entries.
    pub(crate) fn abort(&self) {
        self.end(Phase::Aborted);
        *self.lock() = Queue::default();
    }

    /// Waits for the next entry and returns it, or `None` after the last. Cancel-safe. Supports a single reader.
    pub(crate) async fn next(&self) -> Option<Outgoing> {
        loop {
            // The phase is read before the queue. In the other order, an entry added in between would be missed.
            let phase = *self.phase.borrow();
            if let Some(outgoing) = self.try_next() {
                return Some(outgoing);
            }
            if phase != Phase::Open {
                return None;
            }
            self.added.notified().await;
        }
    }

    pub(crate) fn try_next(&self) -> Option<Outgoing> {
        let mut queue = self.lock();
        let outgoing = queue.entries.pop_front()?;
        queue.bytes -= outgoing.bytes();
        if queue.entries.is_empty() && queue.entries.capacity() > IDLE_ENTRIES {
            // Frees the memory of the busiest moment, which an idle member does not need.
            queue.entries = VecDeque::new();
        }
        Some(outgoing)
    }

    /// Waits until the queue is no longer open and returns its phase.
    pub(crate) async fn ended(&self) -> Phase {
        let mut phase = self.phase.subscribe();
        match phase.wait_for(|phase| *phase != Phase::Open).await {
            Ok(phase) => *phase,
            // This fails only if the sender is dropped, and `self` owns it.
            Err(_) => Phase::Aborted,
        }
    }

    fn end(&self, phase: Phase) {
        self.phase.send_replace(phase);
        self.added.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize) -> Outgoing {
        Outgoing::Delivery {
            from: MemberId(1),
            content: vec![0; bytes].into(),
            sealed: Vec::new(),
        }
    }

    fn length(outgoing: Option<Outgoing>) -> Option<usize> {
        outgoing.map(|outgoing| outgoing.bytes() - ENTRY_BYTES)
    }

    #[tokio::test]
    async fn finish_keeps_the_queued_entries_in_order() {
        let outbox = Outbox::new(10_000);
        for bytes in 1..=3 {
            outbox.push(entry(bytes)).unwrap();
        }
        outbox.finish();
        outbox.push(entry(4)).unwrap();
        for bytes in 1..=3 {
            assert_eq!(length(outbox.next().await), Some(bytes));
        }
        assert_eq!(length(outbox.next().await), None);
    }

    #[test]
    fn the_queue_is_bounded_in_bytes() {
        let outbox = Outbox::new(1_000);
        outbox.push(entry(500)).unwrap();
        assert_eq!(outbox.push(entry(500)), Err(QueueFullError));
        outbox.push(entry(300)).unwrap();
        assert_eq!(length(outbox.try_next()), Some(500));
        outbox.push(entry(500)).unwrap();
        assert_eq!(length(outbox.try_next()), Some(300));
        assert_eq!(length(outbox.try_next()), Some(500));
        assert_eq!(length(outbox.try_next()), None);
    }

    #[test]
    fn small_messages_fill_the_queue_too() {
        let outbox = Outbox::new(1_000);
        let pong = Outgoing::Message(Encoded::new(&ServerMessage::Pong).unwrap());
        let fitted = (0..1_000).take_while(|_| outbox.push(pong.clone()).is_ok());
        assert!(fitted.count() <= 1_000 / ENTRY_BYTES);
    }

    #[test]
    fn shared_content_counts_in_each_queue_and_exists_once() {
        let content: Arc<[u8]> = vec![0; 900].into();
        let outboxes = [Outbox::new(1_000), Outbox::new(1_000)];
        for outbox in &outboxes {
            let delivery = Outgoing::Delivery {
                from: MemberId(1),
                content: Arc::clone(&content),
                sealed: vec![0; 10],
            };
            outbox.push(delivery.clone()).unwrap();
            assert_eq!(outbox.push(delivery), Err(QueueFullError));
        }
        assert_eq!(Arc::strong_count(&content), 1 + outboxes.len());
    }

    #[tokio::test]
    async fn an_abort_empties_the_queue_and_ends_it() {
        let outbox = Outbox::new(1_000);
        outbox.push(entry(1)).unwrap();
        outbox.abort();
        assert_eq!(length(outbox.next().await), None);
        assert_eq!(outbox.ended().await, Phase::Aborted);
    }

    #[tokio::test]
    async fn a_waiting_reader_is_woken_by_an_entry_and_by_finish() {
        let outbox = Arc::new(Outbox::new(1_000));
        let reader = tokio::spawn({
            let outbox = Arc::clone(&outbox);
            async move {
                let mut lengths = Vec::new();
                while let Some(bytes) = length(outbox.next().await) {
                    lengths.push(bytes);
                }
                lengths
            }
        });
        tokio::task::yield_now().await;
        outbox.push(entry(7)).unwrap();
        tokio::task::yield_now().await;
        outbox.finish();
        assert_eq!(reader.await.unwrap(), [7]);
    }
}
