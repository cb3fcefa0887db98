//! Datagrams on their way from the thread that reads a shared socket to the thread of a stream.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use quinn_udp::RecvMeta;

use super::receive::{Datagram, ReceiveBuffers};
use crate::waker::Waker;

/// What may wait for one stream: as much as the buffer of a socket of its own holds. More is lost, as it would be there.
const MAX_QUEUED_BYTES: usize = 4 << 20;

/// A bounded queue of datagrams.
#[derive(Debug)]
pub(super) struct Queue {
    datagrams: Mutex<Datagrams>,
    /// Ready as long as something may be in the queue.
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

impl Queue {
    /// # Errors
    /// The system's error, for example too many open files.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            datagrams: Mutex::default(),
            waker: Waker::new()?,
        })
    }

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

    /// Moves what has arrived to `buffers`. False if nothing has.
    pub(super) fn take(&self, buffers: &mut ReceiveBuffers) -> io::Result<bool> {
        // Before looking: what arrives meanwhile ends the next wait.
        self.waker.clear();
        let mut datagrams = self.lock();
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
            self.wake();
        }
        Ok(has_arrived)
    }

    /// Ends a wait for the queue.
    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Datagrams> {
        self.datagrams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.waker.as_fd()
    }
}
