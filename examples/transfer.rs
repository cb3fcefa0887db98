//! Sends a file over two simulated links in virtual time: no sockets, no waiting.
//!
//! ```text
//! cargo run --example transfer
//! ```
//!
//! The Go-Back-N state machines and the link model do no I/O. This program moves their packets through a queue that is sorted
//! by arrival time, and sets its clock to the next arrival or to the sender's timer, whichever is first.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use backroom_gbn::{Ack, Received, Receiver, ReceiverId, Sender, SenderConfig};
use backroom_link::{Link, LinkConfig, Loss, Verdict};

const FILE_BYTES: usize = 1 << 20;
const SEGMENT_BYTES: usize = 1184;
const ACK_BYTES: usize = 82;
const FREE_SEGMENTS: u32 = 1024;
const RECEIVER: ReceiverId = ReceiverId(0);

enum Packet {
    Segment { seq: u64, round: u16 },
    Ack(Ack),
}

/// Packets under way. The number keeps packets apart that arrive at the same time, in the order in which they were sent.
#[derive(Default)]
struct Network {
    arrivals: BTreeMap<(Instant, u64), Packet>,
    sent: u64,
}

impl Network {
    fn send(&mut self, link: &mut Link, now: Instant, bytes: usize, packet: Packet) {
        self.sent += 1;
        if let Verdict::Deliver { at, .. } = link.send(now, bytes) {
            self.arrivals.insert((at, self.sent), packet);
        }
    }

    /// Takes the next packet, unless the timer is due before it arrives.
    fn next_before(&mut self, timer: Option<Instant>) -> Option<((Instant, u64), Packet)> {
        let arrival = self.arrivals.first_entry()?;
        let is_first = timer.is_none_or(|timer| arrival.key().0 <= timer);
        is_first.then(|| arrival.remove_entry())
    }
}

/// What is known after a transfer.
struct Outcome {
    received: Vec<u8>,
    duration: Duration,
    segments_retransmitted: u64,
}

fn main() -> Result<()> {
    let link = LinkConfig {
        rate: Some("10mbit".parse()?),
        delay: Duration::from_millis(10),
        loss: Loss::Random(0.01),
        ..LinkConfig::default()
    };
    link.validate()?;
    let file: Vec<u8> = (0..FILE_BYTES).map(|at| (at % 251) as u8).collect();
    let segments: Vec<&[u8]> = file.chunks(SEGMENT_BYTES).collect();

    let outcome = transfer(&segments, &link)?;

    ensure!(
        outcome.received == file,
        "the received file differs from the sent file"
    );
    let seconds = outcome.duration.as_secs_f64();
    let goodput_mbps = (8 * FILE_BYTES) as f64 / seconds / 1e6;
    let mut out = io::stdout();
    writeln!(out, "received: {FILE_BYTES} bytes, identical")?;
    writeln!(out, "time:     {seconds:.3} s, {goodput_mbps:.2} Mbit/s")?;
    let resent = outcome.segments_retransmitted;
    let count = segments.len();
    writeln!(out, "segments: {count} in the file, {resent} sent again")?;
    Ok(())
}

/// Sends the segments over one link, and the ACKs back over another.
fn transfer(segments: &[&[u8]], link: &LinkConfig) -> Result<Outcome> {
    let mut data_link = Link::new(link.clone(), 1);
    let mut ack_link = Link::new(link.clone(), 2);
    let mut network = Network::default();
    let mut received = Vec::new();

    let mut sender = Sender::new(SenderConfig::default(), [RECEIVER]);
    let mut receiver = Receiver::new(FREE_SEGMENTS);
    sender.make_available(segments.len() as u64);
    sender.finish();

    let start = Instant::now();
    let mut now = start;
    while !sender.is_finished() {
        while let Some(run) = sender.poll_transmit(now, 1) {
            for seq in run.datagrams() {
                let round = run.round;
                let bytes = segments[seq as usize].len();
                network.send(&mut data_link, now, bytes, Packet::Segment { seq, round });
            }
        }
        while sender.poll_event().is_some() {}

        let timer = sender.poll_timeout();
        let Some(((at, _), packet)) = network.next_before(timer) else {
            now = timer.context("no packet is under way and no timer runs")?;
            sender.handle_timeout(now);
            continue;
        };
        now = at;
        match packet {
            Packet::Segment { seq, round } => {
                if receiver.handle_segment(seq, round) == Received::Deliver {
                    received.extend_from_slice(segments[seq as usize]);
                }
                while let Some(ack) = receiver.poll_transmit() {
                    network.send(&mut ack_link, now, ACK_BYTES, Packet::Ack(ack));
                }
            }
            Packet::Ack(ack) => sender.handle_ack(now, RECEIVER, ack),
        }
    }
    Ok(Outcome {
        received,
        duration: now - start,
        segments_retransmitted: sender.stats().segments_retransmitted,
    })
}
