//! One socket for many streams: a thread reads it, and hands each datagram to the stream that it names.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use backroom_protocol::segment::{StreamId, stream_of};
use rustix::event::{PollFd, PollFlags};

use super::batch::MAX_UDP_PAYLOAD_BYTES;
use super::endpoint::{Socket, UdpEndpoint, UdpOptions};
use super::inbox::{Inbox, Queue};
use crate::poll::wait_until;
use crate::waker::Waker;

/// Trains of datagrams that are read in one call.
const BUFFERS: usize = 8;

/// A socket that streams share. Its thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct SharedSocket {
    socket: Arc<Socket>,
    routes: Arc<Routes>,
    stop: Waker,
}

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

impl SharedSocket {
    /// # Errors
    /// The system's error, for example that the port is in use.
    pub(super) fn bind(address: SocketAddr, options: UdpOptions) -> io::Result<Self> {
        let endpoint = UdpEndpoint::bind(address, options)?;
        let (socket, routes) = (Arc::clone(&endpoint.socket), Arc::new(Routes::default()));
        let stop = Waker::new()?;
        let (thread_routes, thread_stop) = (Arc::clone(&routes), stop.clone());
        thread::Builder::new()
            .name("udp port".into())
            .spawn(move || {
                if let Err(error) = dispatch(&endpoint, &thread_routes, &thread_stop) {
                    thread_routes.fail(&error);
                }
            })?;
        Ok(Self {
            socket,
            routes,
            stop,
        })
    }

    /// The endpoint of one stream.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn endpoint(&self, stream: StreamId) -> io::Result<UdpEndpoint> {
        let inbox = Inbox::open(stream, Arc::clone(&self.routes))?;
        Ok(UdpEndpoint::shared(Arc::clone(&self.socket), inbox))
    }
}

impl Drop for SharedSocket {
    fn drop(&mut self) {
        self.stop.wake();
    }
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
    fn fail(&self, error: &io::Error) {
        let failure = format!("the UDP port can't be read any more: {error}");
        self.failure.get_or_init(|| failure);
        for queue in self.lock().values().flatten() {
            queue.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamId, Vec<Arc<Queue>>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands out what arrives, until `stop`.
fn dispatch(endpoint: &UdpEndpoint, routes: &Routes, stop: &Waker) -> io::Result<()> {
    let mut buffers = endpoint.receive_buffers(MAX_UDP_PAYLOAD_BYTES, BUFFERS);
    loop {
        while endpoint.try_receive(&mut buffers)? {
            let routes = routes.lock();
            for datagram in buffers.datagrams() {
                let queues = stream_of(datagram.contents).and_then(|stream| routes.get(&stream));
                for queue in queues.into_iter().flatten() {
                    if !queue.push(&datagram) {
                        tracing::debug!("a transfer does not keep up; a datagram is lost");
                    }
                }
            }
        }
        let mut sources = [
            PollFd::new(endpoint, PollFlags::IN),
            PollFd::new(stop, PollFlags::IN),
        ];
        wait_until(&mut sources, None)?;
        if !sources[1].revents().is_empty() {
            return Ok(());
        }
    }
}
