//! One UDP socket of one stream: runs of datagrams out (GSO), trains of datagrams in (GRO).
//!
//! Whatever the network or the kernel refuses is a lost datagram, since Go-Back-N repairs exactly that; only a
//! socket that has no room yet is reported, as [`io::ErrorKind::WouldBlock`].

mod multicast;
mod receive;
mod route;
mod send;

use std::io;
use std::net::{IpAddr, SocketAddr};

use quinn_udp::{Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

pub use receive::{Datagram, ReceiveBuffers};
pub use route::Route;

use send::send_run;
pub(crate) use send::{MAX_GSO_DATAGRAMS, batch_limit};

/// The largest payload of one UDP datagram over IPv4: 65,535 bytes less the IP and UDP headers. It bounds a GSO
/// batch as well, since the kernel builds a batch as one oversized datagram.
pub const MAX_UDP_PAYLOAD_BYTES: usize = 65_507;

/// Receive errors in a row after which a socket is taken for broken.
const MAX_RECEIVE_ERRORS: usize = 16;

/// How a [`UdpEndpoint`] is set up.
#[derive(Debug, Clone, Copy)]
pub struct UdpOptions {
    /// Hand the kernel many datagrams a call (GSO). Off, each datagram is a call and a packet of its own, which a
    /// shaped network needs to lose packets rather than batches.
    pub gso: bool,
    /// What to ask for as `SO_SNDBUF`; the kernel caps it at `net.core.wmem_max`.
    pub send_buffer_bytes: usize,
    /// What to ask for as `SO_RCVBUF`; the kernel caps it at `net.core.rmem_max`.
    pub receive_buffer_bytes: usize,
}

impl Default for UdpOptions {
    /// GSO on, 4 MiB each way.
    fn default() -> Self {
        Self {
            gso: true,
            send_buffer_bytes: 4 << 20,
            receive_buffer_bytes: 4 << 20,
        }
    }
}

/// A bound, non-blocking UDP socket with its offloads.
#[derive(Debug)]
pub struct UdpEndpoint {
    socket: UdpSocket,
    offload: UdpSocketState,
    gso: bool,
}

/// What became of a run of datagrams handed to [`UdpEndpoint::try_send`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Datagrams dealt with, from the front of the run; fewer than the run's when the socket filled up on the way.
    pub datagrams: usize,
    /// Of these, the ones that the kernel refused, which counts as lost.
    pub lost: usize,
}

impl UdpEndpoint {
    /// Binds to `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// Those of the system, such as an address in use. Must be called within a tokio runtime.
    pub fn bind(address: SocketAddr, options: UdpOptions) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM.cloexec().nonblocking(),
            Some(Protocol::UDP),
        )?;
        Self::set_up(socket, address, options, |_| Ok(()))
    }

    fn set_up(
        socket: Socket,
        address: SocketAddr,
        options: UdpOptions,
        once_bound: impl FnOnce(&Socket) -> io::Result<()>,
    ) -> io::Result<Self> {
        // A kernel that grants less still works, with a smaller burst.
        socket.set_send_buffer_size(options.send_buffer_bytes)?;
        socket.set_recv_buffer_size(options.receive_buffer_bytes)?;
        socket.bind(&address.into())?;
        once_bound(&socket)?;
        let socket = UdpSocket::from_std(socket.into())?;
        let offload = UdpSocketState::new((&socket).into())?;
        Ok(Self {
            socket,
            offload,
            gso: options.gso,
        })
    }

    /// The same socket, waited for by the runtime that this is called in.
    ///
    /// # Errors
    /// Those of the system. Must be called within a tokio runtime.
    pub(crate) fn moved_here(self) -> io::Result<Self> {
        Ok(Self {
            socket: UdpSocket::from_std(self.socket.into_std()?)?,
            ..self
        })
    }

    /// The address it is bound to, with the port that others send to.
    ///
    /// # Errors
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// How many datagrams of `datagram_bytes` fit one call now. Ask again before each batch: the kernel may turn
    /// GSO off on the way.
    pub fn max_batch(&self, datagram_bytes: usize) -> usize {
        if !self.gso {
            return 1;
        }
        batch_limit(datagram_bytes).min(self.offload.max_gso_segments())
    }

    /// Room for `buffers` trains of datagrams of up to `datagram_bytes`.
    pub fn receive_buffers(&self, datagram_bytes: usize, buffers: usize) -> ReceiveBuffers {
        ReceiveBuffers::new(datagram_bytes, self.offload.gro_segments(), buffers)
    }

    /// Hands the kernel `run`: datagrams of `datagram_bytes` each, of which only the last may be shorter. `source`
    /// is the local address to send from, where the socket is bound to a wildcard.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where not even one datagram went: wait for [`Self::writable`] and send it again.
    /// So it is before the first wait, too.
    pub fn try_send(
        &self,
        to: SocketAddr,
        source: Option<IpAddr>,
        run: &[u8],
        datagram_bytes: usize,
    ) -> io::Result<Sent> {
        let max_batch = || self.max_batch(datagram_bytes);
        send_run(run, datagram_bytes, max_batch, |batch| {
            self.try_send_batch(to, source, batch, datagram_bytes)
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
        self.socket.try_io(Interest::WRITABLE, || {
            self.offload.try_send((&self.socket).into(), &transmit)
        })
    }

    /// Fills `buffers` with what has arrived; [`ReceiveBuffers::datagrams`] then yields it.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where nothing has. Any other error means that the socket is broken: those the
    /// network can cause are consumed here.
    pub fn try_receive(&self, buffers: &mut ReceiveBuffers) -> io::Result<()> {
        let mut errors = 0;
        loop {
            let outcome = self.socket.try_io(Interest::READABLE, || {
                buffers
                    .fill(|slices, metas| self.offload.recv((&self.socket).into(), slices, metas))
            });
            match outcome {
                Err(error)
                    if error.kind() != io::ErrorKind::WouldBlock && errors < MAX_RECEIVE_ERRORS =>
                {
                    errors += 1
                }
                outcome => return outcome,
            }
        }
    }

    /// As [`Self::try_receive`], but asks the kernel even where the runtime has not heard of anything yet.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where nothing has arrived, and those of the system.
    pub(crate) fn receive_now(&self, buffers: &mut ReceiveBuffers) -> io::Result<()> {
        buffers.fill(|slices, metas| self.offload.recv((&self.socket).into(), slices, metas))
    }

    /// Waits until there may be something to receive.
    ///
    /// # Errors
    /// That the runtime is shutting down.
    pub async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Waits until the socket may have room to send.
    ///
    /// # Errors
    /// That the runtime is shutting down.
    pub async fn writable(&self) -> io::Result<()> {
        self.socket.writable().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn endpoint(gso: bool) -> UdpEndpoint {
        let options = UdpOptions {
            gso,
            ..UdpOptions::default()
        };
        let endpoint = UdpEndpoint::bind(SocketAddr::from(([127, 0, 0, 1], 0)), options).unwrap();
        endpoint.writable().await.unwrap();
        endpoint
    }

    /// Receives until `count` datagrams have come.
    async fn receive(endpoint: &UdpEndpoint, count: usize) -> Vec<Vec<u8>> {
        let mut buffers = endpoint.receive_buffers(1_500, 4);
        let mut received = Vec::new();
        let all = async {
            while received.len() < count {
                endpoint.readable().await.unwrap();
                match endpoint.try_receive(&mut buffers) {
                    Ok(()) => received.extend(
                        buffers
                            .datagrams()
                            .map(|datagram| datagram.contents.to_vec()),
                    ),
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), all)
            .await
            .unwrap();
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

    #[tokio::test]
    async fn a_run_longer_than_any_batch_arrives_whole_and_in_order() {
        for gso in [true, false] {
            let (from, to) = (endpoint(gso).await, endpoint(true).await);
            assert_eq!(from.max_batch(1_237) > 1, gso, "this kernel has GSO");
            let run = numbered(200, 1_237);
            let sent = from
                .try_send(to.local_addr().unwrap(), None, &run, 1_237)
                .unwrap();
            assert_eq!(
                sent,
                Sent {
                    datagrams: 200,
                    lost: 0
                }
            );
            assert!(receive(&to, 200).await.concat() == run);
        }
    }

    #[tokio::test]
    async fn once_the_kernel_refuses_gso_the_same_run_goes_datagram_by_datagram() {
        let (from, to) = (endpoint(true).await, endpoint(true).await);
        let address = to.local_addr().unwrap();
        // More datagrams than a batch may have: the kernel answers EINVAL, as a driver without GSO does.
        let refused = from.try_send_batch(address, None, &[0; 20_000], 100);
        assert!(refused.is_err());
        assert_eq!(from.max_batch(1_237), 1);
        let run = numbered(60, 1_237);
        let sent = from.try_send(address, None, &run, 1_237).unwrap();
        assert_eq!(
            sent,
            Sent {
                datagrams: 60,
                lost: 0
            }
        );
        assert!(receive(&to, 60).await.concat() == run);
    }

    #[tokio::test]
    async fn what_the_kernel_refuses_is_lost_and_not_an_error() {
        let from = endpoint(true).await;
        let to = endpoint(true).await.local_addr().unwrap();
        let too_long = vec![0; MAX_UDP_PAYLOAD_BYTES + 1];
        let sent = from.try_send(to, None, &too_long, too_long.len()).unwrap();
        assert_eq!(
            sent,
            Sent {
                datagrams: 1,
                lost: 1
            }
        );
        // Nobody is bound to that port any more.
        let sent = from.try_send(to, None, b"anybody there?", 100).unwrap();
        assert_eq!(
            sent,
            Sent {
                datagrams: 1,
                lost: 0
            }
        );
        let sent = from.try_send(to, None, b"hello?", 100).unwrap();
        assert_eq!(
            sent.datagrams, 1,
            "a port that answered with an ICMP error is no error of ours"
        );
        let broadcast = SocketAddr::from(([255, 255, 255, 255], to.port()));
        let sent = from.try_send(broadcast, None, b"forbidden", 100).unwrap();
        assert_eq!(
            sent,
            Sent {
                datagrams: 1,
                lost: 1
            }
        );
    }

    #[tokio::test]
    async fn empty_datagrams_are_left_out() {
        let (from, to) = (endpoint(true).await, endpoint(true).await);
        let address = to.local_addr().unwrap();
        for datagram in [&b"one"[..], b"", b"two"] {
            from.try_send(address, None, datagram, 100).unwrap();
        }
        assert_eq!(receive(&to, 2).await, [b"one", b"two"]);
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
