//! The socket itself.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn_udp::{Transmit, UdpSocketState};
use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Protocol, Type};
use tokio::sync::OwnedSemaphorePermit;

use super::batch::{Sent, batch_limit, send_run};
use super::inbox::Inbox;
use super::receive::ReceiveBuffers;
use crate::poll::wait_until;

/// After this many consecutive receive errors the socket counts as broken.
const MAX_RECEIVE_ERRORS: usize = 16;

/// Options of a [`UdpEndpoint`].
#[derive(Debug, Clone, Copy)]
pub struct UdpOptions {
    /// Hand the kernel many datagrams in one call (GSO). When off, each datagram is a call and a packet of its own: a
    /// shaped network then loses single packets instead of whole batches.
    pub gso: bool,
    /// Requested `SO_SNDBUF`, in bytes; the kernel caps it at `net.core.wmem_max`.
    pub send_buffer_bytes: usize,
    /// Requested `SO_RCVBUF`, in bytes; the kernel caps it at `net.core.rmem_max`.
    pub receive_buffer_bytes: usize,
}

impl Default for UdpOptions {
    /// GSO on, buffers of 4 MiB.
    fn default() -> Self {
        Self {
            gso: true,
            send_buffer_bytes: 4 << 20,
            receive_buffer_bytes: 4 << 20,
        }
    }
}

/// How long a thread waits for room in the buffer of a socket that others share. It can't wait for that together with other
/// things.
const SHARED_SEND_WAIT: Duration = Duration::from_millis(5);

/// The socket of one stream: non-blocking, and bound.
#[derive(Debug)]
pub struct UdpEndpoint {
    pub(super) socket: Arc<Socket>,
    /// What arrives for this stream, if other streams share the socket.
    inbox: Option<Inbox>,
    /// Keeps the port from other streams.
    _permit: Option<OwnedSemaphorePermit>,
}

/// A bound socket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) socket: UdpSocket,
    offload: UdpSocketState,
    gso: bool,
}

impl UdpEndpoint {
    /// Binds to `address`. Port 0 chooses a free port.
    ///
    /// # Errors
    /// The system's error, for example that the address is in use.
    pub fn bind(address: SocketAddr, options: UdpOptions) -> io::Result<Self> {
        Self::open(address, options, false)
    }

    pub(super) fn open(
        address: SocketAddr,
        options: UdpOptions,
        reuse_address: bool,
    ) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket_type = Type::DGRAM.cloexec().nonblocking();
        let socket = socket2::Socket::new(domain, socket_type, Some(Protocol::UDP))?;
        socket.set_reuse_address(reuse_address)?;
        if address.is_ipv6() {
            // So that a socket for IPv4 can have the same port.
            socket.set_only_v6(true)?;
        }
        // A kernel that grants less still works, with a smaller burst.
        socket.set_send_buffer_size(options.send_buffer_bytes)?;
        socket.set_recv_buffer_size(options.receive_buffer_bytes)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from(socket);
        let offload = UdpSocketState::new((&socket).into())?;
        let socket = Arc::new(Socket {
            socket,
            offload,
            gso: options.gso,
        });
        Ok(Self {
            socket,
            inbox: None,
            _permit: None,
        })
    }

    /// An endpoint of one stream on a socket that other streams share.
    pub(super) fn shared(socket: Arc<Socket>, inbox: Inbox) -> Self {
        Self {
            socket,
            inbox: Some(inbox),
            _permit: None,
        }
    }

    /// Holds `permit` as long as the endpoint exists.
    pub(super) fn with_permit(mut self, permit: OwnedSemaphorePermit) -> Self {
        self._permit = Some(permit);
        self
    }

    /// The address that the socket is bound to.
    ///
    /// # Errors
    /// The system's error.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.socket.local_addr()
    }

    /// How many datagrams of `datagram_bytes` fit one call. Ask again before each batch: the kernel may turn GSO off at
    /// any time.
    pub fn max_batch(&self, datagram_bytes: usize) -> usize {
        if !self.socket.gso {
            return 1;
        }
        batch_limit(datagram_bytes).min(self.socket.offload.max_gso_segments())
    }

    /// Buffers for `buffers` trains of datagrams of up to `datagram_bytes` each.
    pub fn receive_buffers(&self, datagram_bytes: usize, buffers: usize) -> ReceiveBuffers {
        ReceiveBuffers::new(datagram_bytes, self.socket.offload.gro_segments(), buffers)
    }

    /// Sends `run`: datagrams of `datagram_bytes` each; only the last may be shorter. `source` is the local address to
    /// send from if the socket is bound to a wildcard address.
    pub fn try_send(
        &self,
        to: SocketAddr,
        source: Option<IpAddr>,
        run: &[u8],
        datagram_bytes: usize,
    ) -> Sent {
        let max_batch = || self.max_batch(datagram_bytes);
        send_run(run, datagram_bytes, max_batch, |batch| {
            let sent = self.try_send_batch(to, source, batch, datagram_bytes);
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.inbox.is_some() => {
                    self.socket.wait(PollFlags::OUT, SHARED_SEND_WAIT)?;
                    self.try_send_batch(to, source, batch, datagram_bytes)
                }
                sent => sent,
            }
        })
    }

    fn try_send_batch(
        &self,
        to: SocketAddr,
        source: Option<IpAddr>,
        batch: &[u8],
        datagram_bytes: usize,
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: batch,
            segment_size: (batch.len() > datagram_bytes).then_some(datagram_bytes),
            src_ip: source,
        };
        let Socket {
            socket, offload, ..
        } = &*self.socket;
        offload.try_send(socket.into(), &transmit)
    }

    /// Fills `buffers` with what has arrived; [`ReceiveBuffers::datagrams`] yields it. False if nothing has arrived.
    ///
    /// # Errors
    /// The system's error if the socket is broken. Errors that the network can cause are consumed here.
    pub fn try_receive(&self, buffers: &mut ReceiveBuffers) -> io::Result<bool> {
        if let Some(inbox) = &self.inbox {
            return inbox.try_receive(buffers);
        }
        let Socket {
            socket, offload, ..
        } = &*self.socket;
        let mut errors = 0;
        loop {
            let received = buffers.fill(|slices, metas| offload.recv(socket.into(), slices, metas));
            match received {
                Ok(()) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if errors == MAX_RECEIVE_ERRORS => return Err(error),
                Err(_) => errors += 1,
            }
        }
    }

    /// Blocks until there may be something to receive, or `timeout` has passed. True if the socket is readable.
    ///
    /// # Errors
    /// The system's error.
    pub fn wait_readable(&self, timeout: Duration) -> io::Result<bool> {
        wait_for(PollFd::new(self, PollFlags::IN), timeout)
    }

    /// Blocks until the socket has room to send, or `timeout` has passed. True if the socket is writable.
    ///
    /// # Errors
    /// The system's error.
    pub fn wait_writable(&self, timeout: Duration) -> io::Result<bool> {
        self.socket.wait(PollFlags::OUT, timeout)
    }
}

impl Socket {
    fn wait(&self, flags: PollFlags, timeout: Duration) -> io::Result<bool> {
        wait_for(PollFd::new(&self.socket, flags), timeout)
    }
}

fn wait_for(source: PollFd<'_>, timeout: Duration) -> io::Result<bool> {
    let mut sources = [source];
    wait_until(&mut sources, Instant::now().checked_add(timeout))?;
    Ok(!sources[0].revents().is_empty())
}

/// What to wait for until something arrives, or until there is room to send. An endpoint that shares its socket always has
/// room: it waits while it sends.
impl AsFd for UdpEndpoint {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.inbox {
            Some(inbox) => inbox.as_fd(),
            None => self.socket.socket.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::udp::{MAX_UDP_PAYLOAD_BYTES, Route};

    fn endpoint(gso: bool) -> UdpEndpoint {
        let options = UdpOptions {
            gso,
            ..UdpOptions::default()
        };
        UdpEndpoint::bind(SocketAddr::from(([127, 0, 0, 1], 0)), options).unwrap()
    }

    /// Receives until `count` datagrams have come.
    fn receive(endpoint: &UdpEndpoint, count: usize) -> Vec<Vec<u8>> {
        let mut buffers = endpoint.receive_buffers(1_500, 4);
        let mut received = Vec::new();
        while received.len() < count {
            assert!(endpoint.wait_readable(Duration::from_secs(20)).unwrap());
            endpoint.try_receive(&mut buffers).unwrap();
            let datagrams = buffers.datagrams();
            received.extend(datagrams.map(|datagram| datagram.contents.to_vec()));
        }
        received
    }

    /// `count` datagrams of `bytes` each that tell their number; the last has one byte less.
    fn numbered(count: usize, bytes: usize) -> Vec<u8> {
        let mut run: Vec<u8> = (0..count)
            .flat_map(|number| vec![number as u8; bytes])
            .collect();
        run.pop();
        run
    }

    #[test]
    fn a_run_longer_than_any_batch_arrives_whole_and_in_order() {
        for gso in [true, false] {
            let (from, to) = (endpoint(gso), endpoint(true));
            assert_eq!(from.max_batch(1_237) > 1, gso, "this kernel has GSO");
            let run = numbered(200, 1_237);
            let sent = from.try_send(to.local_addr().unwrap(), None, &run, 1_237);
            assert_eq!(
                sent,
                Sent {
                    datagrams: 200,
                    lost: 0
                }
            );
            assert!(receive(&to, 200).concat() == run);
        }
    }

    #[test]
    fn once_the_kernel_refuses_gso_the_same_run_goes_datagram_by_datagram() {
        let (from, to) = (endpoint(true), endpoint(true));
        let address = to.local_addr().unwrap();
        // More datagrams than a batch may have: the kernel answers EINVAL, as a driver without GSO does.
        let refused = from.try_send_batch(address, None, &[0; 20_000], 100);
        assert!(refused.is_err());
        assert_eq!(from.max_batch(1_237), 1);
        let run = numbered(60, 1_237);
        let sent = from.try_send(address, None, &run, 1_237);
        assert_eq!(
            sent,
            Sent {
                datagrams: 60,
                lost: 0
            }
        );
        assert!(receive(&to, 60).concat() == run);
    }

    #[test]
    fn what_the_kernel_refuses_is_lost_and_not_an_error() {
        let from = endpoint(true);
        let to = endpoint(true).local_addr().unwrap();
        let too_long = vec![0; MAX_UDP_PAYLOAD_BYTES + 1];
        let sent = from.try_send(to, None, &too_long, too_long.len());
        assert_eq!(
            sent,
            Sent {
                datagrams: 1,
                lost: 1
            }
        );
        // Nobody is bound to that port any more.
        let sent = from.try_send(to, None, b"anybody there?", 100);
        assert_eq!(
            sent,
            Sent {
                datagrams: 1,
                lost: 0
            }
        );
        let sent = from.try_send(to, None, b"hello?", 100);
        assert_eq!(
            sent.datagrams, 1,
            "a port that answered with an ICMP error is no error of ours"
        );
        let broadcast = SocketAddr::from(([255, 255, 255, 255], to.port()));
        let sent = from.try_send(broadcast, None, b"forbidden", 100);
        assert_eq!(
            sent,
            Sent {
                datagrams: 1,
                lost: 1
            }
        );
    }

    #[test]
    fn empty_datagrams_are_left_out() {
        let (from, to) = (endpoint(true), endpoint(true));
        let address = to.local_addr().unwrap();
        for datagram in [&b"one"[..], b"", b"two"] {
            from.try_send(address, None, datagram, 100);
        }
        assert_eq!(receive(&to, 2), [b"one", b"two"]);
    }

    #[test]
    fn the_route_tells_how_large_a_datagram_may_be() {
        let v4 = Route::to(SocketAddr::from(([127, 0, 0, 1], 9))).unwrap();
        assert_eq!(v4.local, IpAddr::from([127, 0, 0, 1]));
        assert_eq!(
            v4.max_datagram_bytes(),
            (v4.mtu - 28).min(MAX_UDP_PAYLOAD_BYTES)
        );
        let v6 = Route {
            local: std::net::Ipv6Addr::LOCALHOST.into(),
            mtu: 1_500,
        };
        assert_eq!(v6.max_datagram_bytes(), 1_452);
    }
}
