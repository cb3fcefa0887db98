//! What waits to be written to one member: a queue bounded in bytes.
//!
//! Putting something in never waits. A member who reads too slowly finds its queue full and is
//! put out; the others are not delayed by it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backroom_protocol::{EncodeError, MemberId, ServerMessage};
use backroom_transport::connection::Encoded;
use thiserror::Error;
use tokio::sync::{Notify, watch};

/// What an entry costs besides its bytes, so that many small ones fill a queue as well.
const ENTRY_BYTES: usize = 64;

/// For so many entries an empty queue may keep its memory.
const IDLE_ENTRIES: usize = 16;

/// Something to write. Cheap to clone: what goes to many members is shared among them.
#[derive(Clone, Debug)]
pub(crate) enum Outgoing {
    /// A message, encoded once for all who get it.
    Message(Encoded<ServerMessage>),
    /// A recipient's own part of a post, with the content that it shares with the others.
    Delivery {
        from: MemberId,
        content: Arc<[u8]>,
        sealed: Vec<u8>,
    },
}

impl Outgoing {
    /// The bytes to write.
    ///
    /// # Errors
    ///
    /// A delivery too long for a record; the room takes no post that could become one.
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

/// Whether more may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It may.
    Open,
    /// No more; what is queued is still to be written.
    Finished,
    /// Nothing more is to be written.
    Aborted,
}

/// The queue has no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the queue of what waits to be written is full")]
pub(crate) struct Full;

/// The queue: the room puts in, the member's connection takes out.
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
    /// An empty queue that holds `limit_bytes`.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            queue: Mutex::default(),
            added: Notify::new(),
            phase: watch::Sender::new(Phase::Open),
        }
    }

    /// Queues `outgoing`. Once finished or aborted, nothing is queued any more.
    ///
    /// # Errors
    ///
    /// [`Full`] if it doesn't fit; then it is not queued.
    pub(crate) fn push(&self, outgoing: Outgoing) -> Result<(), Full> {
        if *self.phase.borrow() != Phase::Open {
            return Ok(());
        }
        let bytes = outgoing.bytes();
        {
            let mut queue = self.lock();
            if queue.bytes + bytes > self.limit_bytes {
                return Err(Full);
            }
            queue.bytes += bytes;
            queue.entries.push_back(outgoing);
        }
        self.added.notify_one();
        Ok(())
    }

    /// Nothing will follow what is queued.
    pub(crate) fn finish(&self) {
        self.end(Phase::Finished);
    }

    /// Nothing is to be written any more, not even what is queued.
    pub(crate) fn abort(&self) {
        self.end(Phase::Aborted);
        *self.lock() = Queue::default();
    }

    /// The next entry, or `None` after the last. Cancel-safe. For one reader only.
    pub(crate) async fn next(&self) -> Option<Outgoing> {
        loop {
            // The phase first: what is queued before the end must be found after it.
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

    /// The next entry, if there is one now.
    pub(crate) fn try_next(&self) -> Option<Outgoing> {
        let mut queue = self.lock();
        let outgoing = queue.entries.pop_front()?;
        queue.bytes -= outgoing.bytes();
        if queue.entries.is_empty() && queue.entries.capacity() > IDLE_ENTRIES {
            // An idle member should not keep the memory of its busiest moment.
            queue.entries = VecDeque::new();
        }
        Some(outgoing)
    }

    /// Waits until nothing may follow any more, and returns in which way.
    pub(crate) async fn ended(&self) -> Phase {
        let mut phase = self.phase.subscribe();
        match phase.wait_for(|phase| *phase != Phase::Open).await {
            Ok(phase) => *phase,
            // It fails only when the sender is gone, and the sender is a part of self.
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
    async fn entries_come_out_in_order_and_what_is_queued_survives_the_finish() {
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
    fn the_queue_is_bounded_in_bytes_and_taking_out_makes_room() {
        let outbox = Outbox::new(1_000);
        outbox.push(entry(500)).unwrap();
        assert_eq!(outbox.push(entry(500)), Err(Full));
        outbox.push(entry(300)).unwrap();
        assert_eq!(length(outbox.try_next()), Some(500));
        outbox.push(entry(500)).unwrap();
        assert_eq!(length(outbox.try_next()), Some(300));
        assert_eq!(length(outbox.try_next()), Some(500));
        assert_eq!(length(outbox.try_next()), None);
    }

    #[test]
    fn the_smallest_messages_fill_it_too() {
        let outbox = Outbox::new(1_000);
        let pong = Outgoing::Message(Encoded::new(&ServerMessage::Pong).unwrap());
        let fitted = (0..1_000).take_while(|_| outbox.push(pong.clone()).is_ok());
        assert!(fitted.count() <= 1_000 / ENTRY_BYTES);
    }

    #[test]
    fn content_sent_to_many_counts_in_each_queue_and_exists_once() {
        let content: Arc<[u8]> = vec![0; 900].into();
        let outboxes = [Outbox::new(1_000), Outbox::new(1_000)];
        for outbox in &outboxes {
            let delivery = Outgoing::Delivery {
                from: MemberId(1),
                content: Arc::clone(&content),
                sealed: vec![0; 10],
            };
            outbox.push(delivery.clone()).unwrap();
            assert_eq!(outbox.push(delivery), Err(Full));
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
    async fn a_reader_that_waits_is_woken_by_an_entry_and_by_the_finish() {
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
