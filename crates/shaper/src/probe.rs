//! Measures the path between two shapers with datagrams of their own, for backends that do not report how long packets
//! were held.
//!
//! A few small datagrams, one at a time, give the round-trip time. A train of full-size datagrams gives the rate: the time
//! between the replies to its first and last packet is the link's transmission time for the packets in between (packet
//! dispersion; Dovrolis et al. 2001).

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::protocol::{Probe, Probed};

/// UDP port on which a shaper replies to probes.
const PORT: u16 = 40_007;
/// How many round trips to measure. The median counts.
const ROUND_TRIPS: usize = 3;
/// Probes may be lost like any other packet.
const ATTEMPTS: u32 = 8;
/// Size in bytes of the IP packets of a small probe and of every reply.
pub const SMALL_PACKET_BYTES: usize = HEADER_BYTES + REPLY_BYTES;
const HEADER_BYTES: usize = 28;
const REPLY_BYTES: usize = 8;

/// Replies to each probe with its number and with the count of probes so far.
pub(crate) async fn respond() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    let mut buffer = [0; 2048];
    let mut count = 0_u32;
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        let Some(number) = buffer[..length].first_chunk::<4>() else {
            continue;
        };
        count = count.wrapping_add(1);
        let mut reply = [0; REPLY_BYTES];
        reply[..4].copy_from_slice(number);
        reply[4..].copy_from_slice(&count.to_be_bytes());
        // A reply that cannot be sent counts as lost.
        let _ = socket.send_to(&reply, from).await;
    }
}

/// Measures the path to the shaper at `probe.peer`.
pub(crate) async fn probe(probe: &Probe) -> io::Result<Probed> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect((IpAddr::V4(probe.peer), PORT)).await?;
    let limit = Duration::from_millis(probe.timeout_ms);
    let rtt_ms = round_trip(&socket, limit).await?;
    let rate_mbps = if probe.train > 1 {
        rate(&socket, probe, limit).await?
    } else {
        None
    };
    Ok(Probed { rtt_ms, rate_mbps })
}

/// A reply: the number of its probe, and how many probes had arrived by then.
#[derive(Clone, Copy)]
struct ProbeReply {
    number: u32,
    count: u32,
    at: Instant,
}

async fn next_reply(socket: &UdpSocket, limit: Duration) -> io::Result<Option<ProbeReply>> {
    let mut reply = [0; REPLY_BYTES];
    let Ok(received) = timeout(limit, socket.recv(&mut reply)).await else {
        return Ok(None);
    };
    let at = Instant::now();
    received?;
    let [a, b, c, d, e, f, g, h] = reply;
    Ok(Some(ProbeReply {
        number: u32::from_be_bytes([a, b, c, d]),
        count: u32::from_be_bytes([e, f, g, h]),
        at,
    }))
}

/// The median of a few round trips in milliseconds. `None` without a reply.
async fn round_trip(socket: &UdpSocket, limit: Duration) -> io::Result<Option<f64>> {
    let mut round_trips = Vec::new();
    for number in 0..ATTEMPTS {
        let mut small = [0; REPLY_BYTES];
        small[..4].copy_from_slice(&number.to_be_bytes());
        let sent = Instant::now();
        socket.send(&small).await?;
        while let Some(reply) = next_reply(socket, limit).await? {
            if reply.number == number {
                round_trips.push((reply.at - sent).as_secs_f64() * 1e3);
                break;
            }
        }
        if round_trips.len() == ROUND_TRIPS {
            break;
        }
    }
    round_trips.sort_by(f64::total_cmp);
    Ok(round_trips.get(round_trips.len() / 2).copied())
}

/// In 10^6 bit/s. `None` with fewer than two replies.
async fn rate(socket: &UdpSocket, probe: &Probe, limit: Duration) -> io::Result<Option<f64>> {
    let numbers = ATTEMPTS..ATTEMPTS + probe.train;
    let last_number = numbers.end - 1;
    let send = async {
        let payload_bytes = probe.packet_bytes.saturating_sub(HEADER_BYTES);
        let mut full = vec![0; payload_bytes.max(REPLY_BYTES)];
        for number in numbers.clone() {
            full[..4].copy_from_slice(&number.to_be_bytes());
            socket.send(&full).await?;
        }
        io::Result::Ok(())
    };
    let receive = async {
        let (mut first, mut last) = (None, None);
        while let Some(reply) = next_reply(socket, limit).await? {
            if reply.number >= ATTEMPTS {
                first = first.or(Some(reply));
                last = Some(reply);
            }
            if reply.number == last_number {
                break;
            }
        }
        io::Result::Ok(first.zip(last))
    };
    let (sent, received) = tokio::join!(send, receive);
    sent?;
    Ok(received?.and_then(|(first, last)| dispersion(first, last, probe)))
}

fn dispersion(first: ProbeReply, last: ProbeReply, probe: &Probe) -> Option<f64> {
    // A packet lost before transmission took no transmission time. A packet lost after transmission did.
    let packets = if probe.lost_after_transmission {
        last.number - first.number
    } else {
        last.count.wrapping_sub(first.count)
    };
    let seconds = (last.at - first.at).as_secs_f64();
    (packets > 0 && seconds > 0.0)
        .then(|| f64::from(packets) * probe.packet_bytes as f64 * 8.0 / seconds / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_lost_before_the_transmitter_took_no_time_there() {
        let at = Instant::now();
        let reply = |number, count, ms| ProbeReply {
            number,
            count,
            at: at + Duration::from_millis(ms),
        };
        let (first, last) = (reply(10, 3, 0), reply(110, 98, 95));
        let probe = |lost_after_transmission| Probe {
            peer: Ipv4Addr::LOCALHOST,
            packet_bytes: 1250,
            train: 101,
            timeout_ms: 1,
            lost_after_transmission,
        };
        let near = |rate: Option<f64>, expected: f64| (rate.unwrap() - expected).abs() < 1e-9;
        assert!(near(dispersion(first, last, &probe(false)), 10.0));
        assert!(near(dispersion(first, last, &probe(true)), 1000.0 / 95.0));
        assert_eq!(dispersion(first, first, &probe(false)), None);
    }
}
