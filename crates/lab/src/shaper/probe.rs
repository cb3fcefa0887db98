//! Probing the path between two shapers with datagrams of their own, for a way of shaping that does not say how long
//! packets really took.
//!
//! A few small ones, one after the other, give the round trip. A train of full ones gives the rate: the time between the
//! answers to its first and its last is what the link took for those in between (packet dispersion; Dovrolis et al. 2001).

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::protocol::{Probe, Probed};

/// Where a shaper answers probes, in the network namespace that it shapes.
const PORT: u16 = 40_007;
/// Round trips that are measured; the median counts.
const ROUND_TRIPS: usize = 3;
/// Probes may be lost, as everything else.
const ATTEMPTS: u32 = 8;
/// An IP packet with a number, and one with its answer.
pub(crate) const SMALL_PACKET_BYTES: usize = HEADER_BYTES + ANSWER_BYTES;
const HEADER_BYTES: usize = 28;
const ANSWER_BYTES: usize = 8;

/// Answers each probe that reaches this namespace with its number and a count of all that came.
pub(super) async fn answer() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    let mut buffer = [0; 2048];
    let mut count = 0_u32;
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        let Some(number) = buffer[..length].first_chunk::<4>() else {
            continue;
        };
        count = count.wrapping_add(1);
        let mut answer = [0; ANSWER_BYTES];
        answer[..4].copy_from_slice(number);
        answer[4..].copy_from_slice(&count.to_be_bytes());
        // An answer that can't be sent is a lost one.
        let _ = socket.send_to(&answer, from).await;
    }
}

/// Probes the path to the shaper at `probe.peer`.
pub(super) async fn probe(probe: &Probe) -> io::Result<Probed> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect((IpAddr::V4(probe.peer), PORT)).await?;
    let patience = Duration::from_millis(probe.patience_ms);
    let rtt_ms = round_trip(&socket, patience).await?;
    let rate_mbps = if probe.train > 1 {
        rate(&socket, probe, patience).await?
    } else {
        None
    };
    Ok(Probed { rtt_ms, rate_mbps })
}

/// An answer: the number of its probe, and how many had come by then.
#[derive(Clone, Copy)]
struct Answer {
    number: u32,
    count: u32,
    at: Instant,
}

async fn next_answer(socket: &UdpSocket, patience: Duration) -> io::Result<Option<Answer>> {
    let mut answer = [0; ANSWER_BYTES];
    let Ok(received) = timeout(patience, socket.recv(&mut answer)).await else {
        return Ok(None);
    };
    let at = Instant::now();
    received?;
    let [a, b, c, d, e, f, g, h] = answer;
    Ok(Some(Answer {
        number: u32::from_be_bytes([a, b, c, d]),
        count: u32::from_be_bytes([e, f, g, h]),
        at,
    }))
}

/// The median of a few, in milliseconds; `None` where none came back.
async fn round_trip(socket: &UdpSocket, patience: Duration) -> io::Result<Option<f64>> {
    let mut round_trips = Vec::new();
    for number in 0..ATTEMPTS {
        let mut small = [0; ANSWER_BYTES];
        small[..4].copy_from_slice(&number.to_be_bytes());
        let sent = Instant::now();
        socket.send(&small).await?;
        while let Some(answer) = next_answer(socket, patience).await? {
            if answer.number == number {
                round_trips.push((answer.at - sent).as_secs_f64() * 1e3);
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

/// In 10^6 bit/s; `None` where fewer than two answers came back.
async fn rate(socket: &UdpSocket, probe: &Probe, patience: Duration) -> io::Result<Option<f64>> {
    let numbers = ATTEMPTS..ATTEMPTS + probe.train;
    let last_number = numbers.end - 1;
    let send = async {
        let mut full = vec![
            0;
            probe
                .packet_bytes
                .saturating_sub(HEADER_BYTES)
                .max(ANSWER_BYTES)
        ];
        for number in numbers.clone() {
            full[..4].copy_from_slice(&number.to_be_bytes());
            socket.send(&full).await?;
        }
        io::Result::Ok(())
    };
    let receive = async {
        let (mut first, mut last) = (None, None);
        while let Some(answer) = next_answer(socket, patience).await? {
            if answer.number >= ATTEMPTS {
                first = first.or(Some(answer));
                last = Some(answer);
            }
            if answer.number == last_number {
                break;
            }
        }
        io::Result::Ok(first.zip(last))
    };
    let (sent, received) = tokio::join!(send, receive);
    sent?;
    Ok(received?.and_then(|(first, last)| dispersion(first, last, probe)))
}

fn dispersion(first: Answer, last: Answer, probe: &Probe) -> Option<f64> {
    // A packet that is lost before the transmitter takes no time there, one that is lost after it does.
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
        let answer = |number, count, ms| Answer {
            number,
            count,
            at: at + Duration::from_millis(ms),
        };
        let (first, last) = (answer(10, 3, 0), answer(110, 98, 95));
        let probe = |lost_after_transmission| Probe {
            peer: Ipv4Addr::LOCALHOST,
            packet_bytes: 1250,
            train: 101,
            patience_ms: 1,
            lost_after_transmission,
        };
        let near = |rate: Option<f64>, expected: f64| (rate.unwrap() - expected).abs() < 1e-9;
        assert!(near(dispersion(first, last, &probe(false)), 10.0));
        assert!(near(dispersion(first, last, &probe(true)), 1000.0 / 95.0));
        assert_eq!(dispersion(first, first, &probe(false)), None);
    }
}
