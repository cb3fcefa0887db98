//! The datagrams that have arrived for one of the streams that share a socket.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};

use backroom_protocol::segment::StreamId;
use quinn_udp::RecvMeta;

use super::receive::{Datagram, ReceiveBuffers};
use super::shared::Routes;
use crate::waker::Waker;

/// What may wait for one stream: as much as the buffer of a socket of its own holds. More is lost, as it would be there.
const MAX_QUEUED_BYTES: usize = 4 << 20;

/// The receiving end. Dropping it ends the route to it.
#[derive(Debug)]
pub(super) struct Inbox {
    stream: StreamId,
    queue: Arc<Queue>,
    routes: Arc<Routes>,
}

/// Datagrams on their way from the thread that reads the socket to the thread of a stream.
#[derive(Debug)]
pub(super) struct Queue {
    datagrams: Mutex<Datagrams>,
    waker: Waker,
}

#[derive(Debug, Default)]
struct Datagrams {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    contents: Vec<u8>,
    source: SocketAddr,
    destination: Option<IpAddr>,
}

impl Waiting {
    /// The memory that it takes.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.contents.len()
    }
}

impl Inbox {
    /// Opens the route of a stream.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn open(stream: StreamId, routes: Arc<Routes>) -> io::Result<Self> {
        let queue = Arc::new(Queue {
            datagrams: Mutex::default(),
            waker: Waker::new()?,
        });
        routes.check()?;
        routes.insert(stream, Arc::clone(&queue));
        Ok(Self {
            stream,
            queue,
            routes,
        })
    }

    /// Moves what has arrived to `buffers`. False if nothing has.
    pub(super) fn try_receive(&self, buffers: &mut ReceiveBuffers) -> io::Result<bool> {
        // Before looking: what arrives meanwhile ends the next wait.
        self.queue.waker.clear();
        self.routes.check()?;
        let mut datagrams = self.queue.lock();
        let has_arrived = !datagrams.waiting.is_empty();
        buffers.fill(|slices, metas| {
            let mut filled = 0;
            for (slice, meta) in slices.iter_mut().zip(metas) {
                let Some(waiting) = datagrams.waiting.pop_front() else {
                    break;
                };
                datagrams.bytes -= waiting.bytes();
                // A datagram longer than the buffer belongs to no stream; truncated, it fails authentication.
                let length = waiting.contents.len().min(slice.len());
                slice[..length].copy_from_slice(&waiting.contents[..length]);
                *meta = RecvMeta::default();
                meta.addr = waiting.source;
                meta.dst_ip = waiting.destination;
                (meta.len, meta.stride) = (length, length);
                filled += 1;
            }
            Ok(filled)
        })?;
        if !datagrams.waiting.is_empty() {
            self.queue.waker.wake();
        }
        Ok(has_arrived)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.routes.remove(self.stream, &self.queue);
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.waker.as_fd()
    }
}

impl Queue {
    /// Adds a datagram. False if there is no room, so that it is lost.
    pub(super) fn push(&self, datagram: &Datagram<'_>) -> bool {
        let waiting = Waiting {
            contents: datagram.contents.to_vec(),
            source: datagram.source,
            destination: datagram.destination,
        };
        let mut datagrams = self.lock();
        let bytes = datagrams.bytes + waiting.bytes();
        if bytes > MAX_QUEUED_BYTES {
            return false;
        }
        datagrams.bytes = bytes;
        datagrams.waiting.push_back(waiting);
        self.wake();
        true
    }

    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Datagrams> {
        self.datagrams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
