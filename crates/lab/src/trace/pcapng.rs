//! A trace as a capture for Wireshark.
//!
//! pcapng: one section, an interface for the sender and one for the receiver, a packet for each time that one passes one of
//! them (draft-ietf-opsawg-pcapng). A packet that is lost passes where it was sent, and says so in a comment. Headers
//! are those of the wire (`docs/protocol.md`). What is sealed there was never made: a segment's payload is zeros,
//! an ACK's body stands open, and [`UNSEALED`] in place of the authentication tag says that it is so.

use std::io::{self, Write};

use backroom_gbn::Ack;

use super::event::{LostBy, Trace};
use super::flight::{Carries, End, Flight, flights};

/// In place of a tag: what follows the header was never sealed. A real tag is this one once in 2^128.
const UNSEALED: &[u8; 16] = b"backroom-lab-sim";

const LINK_TYPE_RAW_IP: u16 = 101;
const SENDER: u32 = 0;
const RECEIVER: u32 = 1;

const SENDER_PORT: u16 = 40_001;
const RECEIVER_PORT: u16 = 40_002;

/// A capture beyond this has only the packets' headers.
const MAX_WHOLE_BYTES: u64 = 64 << 20;

/// What stands before a payload: IPv4 20, UDP 8, header 21.
const ALL_HEADERS: usize = 20 + 8 + 21;

/// Writes the packets of the stream to `receiver` of `trace`, which has no other's.
///
/// # Errors
/// When they can't be written.
pub(crate) fn write_pcapng(trace: &Trace, receiver: u16, mut out: impl Write) -> io::Result<()> {
    let flights = flights(trace);
    let packet = |flight: &Flight| Packet::of(trace, receiver, flight);
    let total: u64 = flights
        .iter()
        .map(|flight| 2 * packet(flight).bytes() as u64)
        .sum();
    let cut = total > MAX_WHOLE_BYTES;
    let mut sightings: Vec<_> = flights.iter().flat_map(sightings).collect();
    sightings.sort_by_key(|sighting| sighting.at_ns);
    section_header(&mut out)?;
    interface("sender", &mut out)?;
    interface(&format!("receiver {receiver}"), &mut out)?;
    let origin_ns = trace.origin_us.saturating_mul(1_000);
    for sighting in sightings {
        let at_ns = origin_ns.saturating_add(sighting.at_ns);
        let bytes = packet(sighting.flight).emit();
        enhanced_packet(&sighting, at_ns, &bytes, cut, &mut out)?;
    }
    out.flush()
}

/// A packet that passes an interface.
struct Sighting<'a> {
    at_ns: u64,
    interface: u32,
    comment: Option<&'static str>,
    flight: &'a Flight,
}

fn sightings(flight: &Flight) -> impl Iterator<Item = Sighting<'_>> {
    let (from, to) = match flight.carries {
        Carries::Segment { .. } => (SENDER, RECEIVER),
        Carries::Ack { .. } => (RECEIVER, SENDER),
    };
    let comment = match flight.end {
        End::Lost(Some(LostBy::Queue)) => Some("lost: the queue was full"),
        End::Lost(_) => Some("lost"),
        End::Arrived { .. } | End::Unknown => None,
    };
    let sent = flight.sent_ns.map(|at_ns| Sighting {
        at_ns,
        interface: from,
        comment,
        flight,
    });
    let arrived = flight.arrived_ns().map(|at_ns| Sighting {
        at_ns,
        interface: to,
        comment: None,
        flight,
    });
    sent.into_iter().chain(arrived)
}

/// An IPv4 packet of the protocol.
struct Packet {
    transfer: u64,
    lane: u16,
    receiver: u16,
    payload_bytes: usize,
    carries: Carries,
}

impl Packet {
    fn of(trace: &Trace, receiver: u16, flight: &Flight) -> Self {
        let lane = trace.events.first().map_or(receiver, |event| event.stream);
        let segment_bytes = u64::from(trace.segment_bytes);
        let payload = match flight.carries {
            Carries::Segment { seq, .. } => trace
                .bytes
                .saturating_sub(seq.saturating_mul(segment_bytes))
                .min(segment_bytes),
            Carries::Ack { .. } => 17,
        };
        Self {
            transfer: trace.transfer,
            lane,
            receiver,
            payload_bytes: payload as usize,
            carries: flight.carries,
        }
    }

    /// Its length.
    fn bytes(&self) -> usize {
        ALL_HEADERS + self.payload_bytes + UNSEALED.len()
    }

    fn emit(&self) -> Vec<u8> {
        let host = |last: u16| [10, 0, (last >> 8) as u8, last as u8];
        let (sender, receiver) = (host(1), host(self.receiver.saturating_add(1)));
        let (addresses, ports) = match self.carries {
            Carries::Segment { .. } => ([sender, receiver], [SENDER_PORT, RECEIVER_PORT]),
            Carries::Ack { .. } => ([receiver, sender], [RECEIVER_PORT, SENDER_PORT]),
        };
        let mut packet = Vec::with_capacity(self.bytes());
        self.emit_ip_header(addresses, &mut packet);
        let udp = packet.len();
        for port in ports {
            packet.extend(port.to_be_bytes());
        }
        packet.extend(((self.bytes() - udp) as u16).to_be_bytes());
        packet.extend([0, 0]);
        self.emit_datagram(&mut packet);
        let pseudo = ones_sum(addresses.as_flattened()) + 17 + (packet.len() - udp) as u64;
        let sum = !fold(pseudo + ones_sum(&packet[udp..]));
        // Zero would mean that there is none (RFC 768).
        let sum = if sum == 0 { 0xffff } else { sum };
        packet[udp + 6..udp + 8].copy_from_slice(&sum.to_be_bytes());
        packet
    }

    fn emit_ip_header(&self, addresses: [[u8; 4]; 2], packet: &mut Vec<u8>) {
        packet.extend([0x45, 0]);
        packet.extend((self.bytes() as u16).to_be_bytes());
        // No identification, don't fragment, 64 hops, UDP, and the checksum to come.
        packet.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
        packet.extend(addresses.as_flattened());
        let sum = !fold(ones_sum(packet));
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }

    fn emit_datagram(&self, packet: &mut Vec<u8>) {
        let kind = match self.carries {
            Carries::Segment { .. } => 1,
            Carries::Ack { .. } => 2,
        };
        packet.push(kind);
        packet.extend(self.transfer.to_be_bytes());
        packet.extend(self.lane.to_be_bytes());
        match self.carries {
            Carries::Segment { seq, round, .. } => {
                packet.extend(round.to_be_bytes());
                packet.extend(seq.to_be_bytes());
                packet.resize(packet.len() + self.payload_bytes, 0);
            }
            Carries::Ack { ack, counter } => {
                let number = if self.lane == 0 { self.receiver - 1 } else { 0 };
                packet.extend(number.to_be_bytes());
                packet.extend(counter.unwrap_or_default().to_be_bytes());
                emit_ack(&ack, packet);
            }
        }
        packet.extend(UNSEALED);
    }
}

fn emit_ack(ack: &Ack, packet: &mut Vec<u8>) {
    packet.extend(ack.cumulative.to_be_bytes());
    packet.extend(ack.accepted_round.to_be_bytes());
    packet.push(u8::from(ack.gap_round.is_some()));
    packet.extend(ack.gap_round.unwrap_or_default().to_be_bytes());
    packet.extend(ack.free_segments.to_be_bytes());
}

/// The sum of 16-bit words that the Internet's checksums are made of (RFC 1071).
fn ones_sum(bytes: &[u8]) -> u64 {
    bytes
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u64::from(u16::from_be_bytes([*high, *low])),
            [high] => u64::from(*high) << 8,
            _ => 0,
        })
        .sum()
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn section_header(out: &mut impl Write) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend(0x1a2b_3c4d_u32.to_le_bytes());
    body.extend(1u16.to_le_bytes());
    body.extend(0u16.to_le_bytes());
    // The section's length is not said.
    body.extend((-1i64).to_le_bytes());
    option(4, b"backroom-lab", &mut body);
    option(0, b"", &mut body);
    block(0x0a0d_0d0a, &body, out)
}

fn interface(name: &str, out: &mut impl Write) -> io::Result<()> {
    const NANOSECONDS: u8 = 9;
    let mut body = Vec::new();
    body.extend(LINK_TYPE_RAW_IP.to_le_bytes());
    body.extend(0u16.to_le_bytes());
    body.extend(0u32.to_le_bytes());
    option(2, name.as_bytes(), &mut body);
    option(9, &[NANOSECONDS], &mut body);
    option(0, b"", &mut body);
    block(1, &body, out)
}

fn enhanced_packet(
    sighting: &Sighting<'_>,
    at_ns: u64,
    packet: &[u8],
    cut: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let captured = match (cut, sighting.flight.is_segment()) {
        (true, true) => &packet[..ALL_HEADERS.min(packet.len())],
        _ => packet,
    };
    let mut body = Vec::with_capacity(captured.len() + 48);
    body.extend(sighting.interface.to_le_bytes());
    body.extend(((at_ns >> 32) as u32).to_le_bytes());
    body.extend((at_ns as u32).to_le_bytes());
    body.extend((captured.len() as u32).to_le_bytes());
    body.extend((packet.len() as u32).to_le_bytes());
    body.extend(captured);
    pad(&mut body);
    if let Some(comment) = sighting.comment {
        option(1, comment.as_bytes(), &mut body);
        option(0, b"", &mut body);
    }
    block(6, &body, out)
}

fn option(code: u16, value: &[u8], body: &mut Vec<u8>) {
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend(value);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

fn block(kind: u32, body: &[u8], out: &mut impl Write) -> io::Result<()> {
    let length = (body.len() as u32 + 12).to_le_bytes();
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length)?;
    out.write_all(body)?;
    out.write_all(&length)
}
