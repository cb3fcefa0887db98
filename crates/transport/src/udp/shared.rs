//! One socket for many streams: a thread reads it, and hands each datagram to the stream that it names.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use backroom_protocol::segment::StreamId;
use rustix::event::{PollFd, PollFlags};

use super::batch::MAX_UDP_PAYLOAD_BYTES;
use super::endpoint::{Socket, UdpEndpoint, UdpOptions};
use super::inbox::Inbox;
use super::routes::Routes;
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

/// Hands out what arrives, until `stop`.
fn dispatch(endpoint: &UdpEndpoint, routes: &Routes, stop: &Waker) -> io::Result<()> {
    let mut buffers = endpoint.receive_buffers(MAX_UDP_PAYLOAD_BYTES, BUFFERS);
    loop {
        while endpoint.try_receive(&mut buffers)? {
            routes.deliver(&mut buffers);
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
