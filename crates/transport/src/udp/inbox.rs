//! The receiving end of one of the streams that share a socket.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use backroom_protocol::segment::StreamId;

use super::queue::Queue;
use super::receive::ReceiveBuffers;
use super::routes::Routes;

/// What has arrived for one stream. Dropping it ends the route to it.
#[derive(Debug)]
pub(super) struct Inbox {
    stream: StreamId,
    queue: Arc<Queue>,
    routes: Arc<Routes>,
}

impl Inbox {
    /// Opens the route of a stream.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn open(stream: StreamId, routes: Arc<Routes>) -> io::Result<Self> {
        let queue = Arc::new(Queue::new()?);
        routes.check()?;
        routes.insert(stream, Arc::clone(&queue));
        Ok(Self {
            stream,
            queue,
            routes,
        })
    }

    /// Moves what has arrived to `buffers`. False if nothing has.
    ///
    /// # Errors
    /// Why the socket can't be read any more.
    pub(super) fn try_receive(&self, buffers: &mut ReceiveBuffers) -> io::Result<bool> {
        let has_arrived = self.queue.take(buffers)?;
        self.routes.check()?;
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
        self.queue.as_fd()
    }
}
