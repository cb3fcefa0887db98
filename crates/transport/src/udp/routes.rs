//! Which of the streams that share a socket gets a datagram.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use backroom_protocol::segment::{StreamId, stream_of};

use super::queue::Queue;
use super::receive::ReceiveBuffers;

/// Where the datagrams of each stream go.
///
/// Several streams may have the same number, because each sender chooses those of its own. They all get what arrives: only one
/// of them has the key.
#[derive(Debug, Default)]
pub(super) struct Routes {
    queues: Mutex<HashMap<StreamId, Vec<Arc<Queue>>>>,
    /// Why the socket can't be read any more.
    failure: OnceLock<String>,
}

impl Routes {
    pub(super) fn insert(&self, stream: StreamId, queue: Arc<Queue>) {
        self.lock().entry(stream).or_default().push(queue);
    }

    pub(super) fn remove(&self, stream: StreamId, queue: &Arc<Queue>) {
        let mut routes = self.lock();
        if let Some(queues) = routes.get_mut(&stream) {
            queues.retain(|other| !Arc::ptr_eq(other, queue));
            if queues.is_empty() {
                routes.remove(&stream);
            }
        }
    }

    /// # Errors
    /// Why the socket can't be read any more.
    pub(super) fn check(&self) -> io::Result<()> {
        match self.failure.get() {
            None => Ok(()),
            Some(failure) => Err(io::Error::other(failure.clone())),
        }
    }

    /// Lets all streams end.
    pub(super) fn fail(&self, error: &io::Error) {
        let failure = format!("the UDP port can't be read any more: {error}");
        self.failure.get_or_init(|| failure);
        for queue in self.lock().values().flatten() {
            queue.wake();
        }
    }

    /// Hands each datagram to the stream that it names.
    pub(super) fn deliver(&self, buffers: &mut ReceiveBuffers) {
        let routes = self.lock();
        for datagram in buffers.datagrams() {
            let queues = stream_of(datagram.contents).and_then(|stream| routes.get(&stream));
            for queue in queues.into_iter().flatten() {
                if !queue.push(&datagram) {
                    tracing::debug!("a transfer does not keep up; a datagram is lost");
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamId, Vec<Arc<Queue>>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
