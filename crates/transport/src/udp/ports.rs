//! The ports that a program's streams use.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use backroom_protocol::segment::StreamId;
use rustix::io::Errno;
use tokio::sync::Semaphore;

use super::endpoint::{UdpEndpoint, UdpOptions};
use super::shared::SharedSocket;

/// One port or a range of ports, such as `9001` or `9001-9040`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRange(RangeInclusive<u16>);

/// Not a port or a range of ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a port such as 9001 or a range of ports such as 9001-9040")]
pub struct BadPortRange;

impl FromStr for PortRange {
    type Err = BadPortRange;

    fn from_str(text: &str) -> Result<Self, BadPortRange> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
        let first = port(first).ok_or(BadPortRange)?;
        let last = port(last)
            .filter(|last| *last >= first)
            .ok_or(BadPortRange)?;
        Ok(Self(first..=last))
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.start(), self.0.end()) {
            (first, last) if first == last => first.fmt(f),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// Hands out the sockets of streams.
#[derive(Debug)]
pub struct Ports {
    options: UdpOptions,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Each stream has any port that is free.
    Any,
    /// All streams share a port. A host without IPv6 has no socket of that kind.
    One {
        ipv4: SharedSocket,
        ipv6: Option<SharedSocket>,
    },
    /// Each stream has a port of a range. If all are in use, it waits for one. Senders and receivers have half of them each:
    /// a sender keeps its port while it waits for a receiver to have one.
    Range {
        range: PortRange,
        for_sending: Arc<Semaphore>,
        for_receiving: Arc<Semaphore>,
    },
}

/// What a stream's socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortUse {
    /// For an outgoing file.
    Sending,
    /// For an incoming file.
    Receiving,
}

impl Ports {
    /// Any free port for each stream.
    pub fn any(options: UdpOptions) -> Self {
        Self {
            options,
            kind: Kind::Any,
        }
    }

    /// One port that all streams share, or a range with a port for each stream at a time.
    ///
    /// # Errors
    /// The system's error, for example that another program uses the one port.
    pub fn fixed(range: PortRange, options: UdpOptions) -> io::Result<Self> {
        let (first, last) = (*range.0.start(), *range.0.end());
        let kind = if first == last {
            let ipv6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, first));
            Kind::One {
                ipv4: SharedSocket::bind((Ipv4Addr::UNSPECIFIED, first).into(), options)?,
                ipv6: match SharedSocket::bind(ipv6, options) {
                    Err(error) if is_without_ipv6(&error) => None,
                    bound => Some(bound?),
                },
            }
        } else {
            let usable = usable_ports(&range, options)?;
            Kind::Range {
                range,
                for_sending: Arc::new(Semaphore::new(usable / 2)),
                for_receiving: Arc::new(Semaphore::new(usable - usable / 2)),
            }
        };
        Ok(Self { options, kind })
    }

    /// The socket of a stream with a peer at this address, and its port. Waits until a port is free.
    ///
    /// # Errors
    /// The system's error.
    pub async fn endpoint(
        &self,
        stream: StreamId,
        peer: IpAddr,
        port_use: PortUse,
    ) -> io::Result<UdpEndpoint> {
        let any: IpAddr = match peer.to_canonical() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        match &self.kind {
            Kind::Any => UdpEndpoint::bind(SocketAddr::new(any, 0), self.options),
            Kind::One { ipv4, .. } if any.is_ipv4() => ipv4.endpoint(stream),
            Kind::One { ipv6, .. } => ipv6
                .as_ref()
                .ok_or_else(|| io::Error::other("this host has no IPv6"))?
                .endpoint(stream),
            Kind::Range {
                range,
                for_sending,
                for_receiving,
            } => {
                let free = match port_use {
                    PortUse::Sending => for_sending,
                    PortUse::Receiving => for_receiving,
                };
                let permit = Arc::clone(free).acquire_owned().await;
                let permit = permit.map_err(io::Error::other)?;
                Ok(bind_one(range, any, self.options)?.with_permit(permit))
            }
        }
    }

    /// The socket of a stream to a group, which sends through the interface with this address. Waits until a port is free.
    ///
    /// # Errors
    /// The system's error.
    pub async fn group_endpoint(
        &self,
        stream: StreamId,
        interface: Ipv4Addr,
    ) -> io::Result<UdpEndpoint> {
        let endpoint = self
            .endpoint(stream, interface.into(), PortUse::Sending)
            .await?;
        endpoint.send_to_groups_through(interface)?;
        Ok(endpoint)
    }
}

/// Whether this host has no IPv6 at all.
fn is_without_ipv6(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL))
}

/// How many ports of the range no other program uses at present: at least two.
fn usable_ports(range: &PortRange, options: UdpOptions) -> io::Result<usize> {
    let any = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let is_usable = |port: &u16| UdpEndpoint::bind(any(*port), options).is_ok();
    match range.0.clone().filter(is_usable).count() {
        usable @ 2.. => Ok(usable),
        _ => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("other programs use all UDP ports of {range} but one at most"),
        )),
    }
}

/// Binds to a port of the range that no other program uses.
fn bind_one(range: &PortRange, any: IpAddr, options: UdpOptions) -> io::Result<UdpEndpoint> {
    let mut failure = io::Error::from(io::ErrorKind::AddrInUse);
    for port in range.0.clone() {
        match UdpEndpoint::bind(SocketAddr::new(any, port), options) {
            Ok(endpoint) => return Ok(endpoint),
            Err(error) => failure = error,
        }
    }
    let text = format!("no UDP port of {range} can be used: {failure}");
    Err(io::Error::new(failure.kind(), text))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use backroom_protocol::TransferId;

    use super::*;

    fn stream(lane: u16) -> StreamId {
        StreamId {
            transfer: TransferId(7),
            lane,
        }
    }

    /// A port that was free a moment ago.
    fn free_port() -> u16 {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let endpoint = UdpEndpoint::bind(any, UdpOptions::default()).unwrap();
        endpoint.local_addr().unwrap().port()
    }

    /// The start of a data datagram of a stream.
    fn datagram(lane: u16) -> Vec<u8> {
        let mut datagram = vec![1];
        datagram.extend(7_u64.to_be_bytes());
        datagram.extend(lane.to_be_bytes());
        datagram.extend([lane as u8; 50]);
        datagram
    }

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn ranges_parse_and_print() {
        for text in ["9001", "9001-9040", "1-65535"] {
            assert_eq!(text.parse::<PortRange>().unwrap().to_string(), text);
        }
        for text in ["", "0", "0-5", "9-8", "65536", "1-2-3", "a", "-1"] {
            assert_eq!(text.parse::<PortRange>(), Err(BadPortRange), "{text}");
        }
    }

    #[tokio::test]
    async fn streams_that_share_a_port_each_get_what_is_theirs() {
        let port = free_port();
        let range = port.to_string().parse().unwrap();
        let ports = Ports::fixed(range, UdpOptions::default()).unwrap();
        let mut endpoints = Vec::new();
        for lane in 1..=3 {
            let endpoint = ports
                .endpoint(stream(lane), LOCAL, PortUse::Sending)
                .await
                .unwrap();
            assert_eq!(endpoint.local_addr().unwrap().port(), port);
            endpoints.push(endpoint);
        }
        // Another sender may have chosen the same numbers.
        endpoints.push(
            ports
                .endpoint(stream(1), LOCAL, PortUse::Sending)
                .await
                .unwrap(),
        );

        let sender = UdpEndpoint::bind((LOCAL, 0).into(), UdpOptions::default()).unwrap();
        for round in 0..100 {
            for lane in [2, 9, 1, 3] {
                let to = SocketAddr::new(LOCAL, port);
                sender.try_send(to, None, &datagram(lane), 61);
            }
            for (endpoint, lane) in endpoints.iter().zip([1, 2, 3, 1]) {
                let mut buffers = endpoint.receive_buffers(1_500, 1);
                assert!(endpoint.wait_readable(Duration::from_secs(20)).unwrap());
                assert!(endpoint.try_receive(&mut buffers).unwrap(), "{round}");
                let all: Vec<_> = buffers
                    .datagrams()
                    .map(|one| one.contents.to_vec())
                    .collect();
                assert_eq!(all, [datagram(lane)]);
            }
        }
        drop(endpoints);
        assert!(
            ports
                .endpoint(stream(1), LOCAL, PortUse::Sending)
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error_at_once() {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let taken = UdpEndpoint::bind(any, UdpOptions::default()).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Ports::fixed(port.to_string().parse().unwrap(), UdpOptions::default());
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    /// Senders leave half of the ports to receivers.
    #[tokio::test]
    async fn streams_beyond_the_range_wait_for_a_port() {
        let first = free_port().min(65_000);
        let range: PortRange = format!("{first}-{}", first + 9).parse().unwrap();
        let ports = Ports::fixed(range.clone(), UdpOptions::default()).unwrap();
        let mut bound = Vec::new();
        let mut lanes = 1..;
        let waits = loop {
            let stream = stream(lanes.next().unwrap());
            let mut next = Box::pin(ports.endpoint(stream, LOCAL, PortUse::Sending));
            tokio::select! {
                biased;
                endpoint = &mut next => bound.push(endpoint.unwrap()),
                () = tokio::task::yield_now() => break next,
            }
        };
        assert!((1..=5).contains(&bound.len()), "{}", bound.len());
        let receiving = ports.endpoint(stream(0), LOCAL, PortUse::Receiving).await;
        let port = |endpoint: UdpEndpoint| endpoint.local_addr().unwrap().port();
        assert!(range.0.contains(&port(receiving.unwrap())));
        bound.pop();
        assert!(range.0.contains(&port(waits.await.unwrap())));
    }

    #[tokio::test]
    async fn one_port_serves_both_families() {
        let port = free_port().to_string();
        let ports = Ports::fixed(port.parse().unwrap(), UdpOptions::default()).unwrap();
        assert!(
            ports
                .endpoint(stream(1), LOCAL, PortUse::Sending)
                .await
                .is_ok()
        );
        let Kind::One { ipv6, .. } = &ports.kind else {
            panic!("one port");
        };
        if ipv6.is_some() {
            let local = Ipv6Addr::LOCALHOST.into();
            let endpoint = ports.endpoint(stream(1), local, PortUse::Sending).await;
            assert_eq!(
                endpoint.unwrap().local_addr().unwrap().port().to_string(),
                port
            );
        }
    }
}
