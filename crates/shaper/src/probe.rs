//! Measures the path between two shapers with datagrams of their own, for backends that do not report how long packets
//! were held.
//!
//! A few small datagrams, one at a time, give the round-trip time. A train of full-size datagrams gives the rate: its packets
//! arrive one transmission time of the link after the other (packet dispersion; Dovrolis et al. 2001). The line of least
//! squares through all arrivals counts, so that a reply that this program reads late hardly matters.

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
        let mut replies = Vec::new();
        // Duplicates must not make it endless.
        for _ in 0..probe.train.saturating_mul(2) {
            let Some(reply) = next_reply(socket, limit).await? else {
                break;
            };
            if reply.number >= ATTEMPTS {
                replies.push(reply);
            }
            if reply.number == last_number {
                break;
            }
        }
        io::Result::Ok(replies)
    };
    let (sent, received) = tokio::join!(send, receive);
    sent?;
    Ok(dispersion(&received?, probe))
}

fn dispersion(replies: &[ProbeReply], probe: &Probe) -> Option<f64> {
    let first = replies.first()?;
    let points = replies.iter().map(|reply| {
        // A packet lost before transmission took no transmission time. A packet lost after transmission did.
        let packets = if probe.lost_after_transmission {
            reply.number.wrapping_sub(first.number)
        } else {
            reply.count.wrapping_sub(first.count)
        };
        // Reordered packets may come before the first reply.
        let packets = f64::from(packets.cast_signed());
        (packets, (reply.at - first.at).as_secs_f64())
    });
    let seconds_per_packet = slope(&points.collect::<Vec<_>>())?;
    Some(probe.packet_bytes as f64 * 8.0 / seconds_per_packet / 1e6)
}

/// The slope of the line of least squares through `points`, if it rises.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let mean =
        |part: fn(&(f64, f64)) -> f64| points.iter().map(part).sum::<f64>() / points.len() as f64;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (x, y) in points {
        covariance += (x - mean_x) * (y - mean_y);
        variance += (x - mean_x).powi(2);
    }
    (variance > 0.0 && covariance > 0.0).then(|| covariance / variance)
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
        let replies = [reply(10, 3, 0), reply(110, 98, 95)];
        let near = |rate: Option<f64>, expected: f64| (rate.unwrap() - expected).abs() < 1e-9;
        assert!(near(dispersion(&replies, &probe(false)), 10.0));
        assert!(near(dispersion(&replies, &probe(true)), 1000.0 / 95.0));
        assert_eq!(dispersion(&replies[..1], &probe(false)), None);
        assert_eq!(dispersion(&[], &probe(false)), None);
    }

    #[test]
    fn a_reply_that_is_read_late_hardly_matters() {
        let at = Instant::now();
        let reply = |number: u32, us: u64| ProbeReply {
            number,
            count: number,
            at: at + Duration::from_micros(us),
        };
        let mut replies: Vec<_> = (0..200).map(|n| reply(n, 1000 * u64::from(n))).collect();
        replies[0] = reply(0, 1200);
        let rate = dispersion(&replies, &probe(false)).unwrap();
        assert!((rate / 10.0 - 1.0).abs() < 0.001, "{rate}");
        let ends = [replies[0], replies[199]];
        let of_ends = dispersion(&ends, &probe(false)).unwrap();
        assert!(of_ends / 10.0 - 1.0 > 0.005, "{of_ends}");
    }

    fn probe(lost_after_transmission: bool) -> Probe {
        Probe {
            peer: Ipv4Addr::LOCALHOST,
            packet_bytes: 1250,
            train: 200,
            timeout_ms: 1,
            lost_after_transmission,
        }
    }
}
