//! A trace as a capture for Wireshark.
//!
//! pcapng: an interface for the sender and one for the receiver, a packet for each time that one passes an interface. A
//! lost packet passes only the interface where it was sent, and has a comment. Headers are those of the wire
//! (`docs/protocol.md`). A trace has no keys, so nothing is sealed: a segment's payload is zeros, an ACK's body is in
//! clear text, and [`UNSEALED`] is in place of the authentication tag.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use backroom_vocabulary::trace::LossCause;
use etherparse::PacketBuilder;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriter};
use pcap_file::{DataLink, Endianness, PcapError};

use crate::flights::{Flight, FlightEnd, Packet, flights};
use crate::trace::Trace;

/// In place of the tag. A real tag has this value once in 2^128.
const UNSEALED: &[u8; 16] = b"backroom-lab-sim";

/// The indices of the interfaces.
const SENDER: u32 = 0;
const RECEIVER: u32 = 1;

const SENDER_PORT: u16 = 40_001;
const RECEIVER_PORT: u16 = 40_002;
const TIME_TO_LIVE: u8 = 64;

/// Larger captures have only the headers of segments.
const MAX_WHOLE_BYTES: u64 = 64 << 20;

/// Before a segment's payload: IPv4 20, UDP 8, header 21.
const HEADER_BYTES: usize = 20 + 8 + 21;

const ACK_BODY_BYTES: usize = 17;

/// Writes the packets of `trace`, which has the steps of `receiver` only, as pcapng.
///
/// # Errors
/// If writing fails.
pub fn write_pcapng(trace: &Trace, receiver: u16, out: impl Write) -> io::Result<()> {
    let flights = flights(trace);
    let packets = Packets {
        trace,
        receiver,
        lane: trace.steps.first().map_or(receiver, |step| step.stream),
    };
    let whole_bytes: u64 = flights
        .iter()
        .map(|flight| 2 * (HEADER_BYTES + packets.body_bytes(&flight.packet)) as u64)
        .sum();
    let headers_only = whole_bytes > MAX_WHOLE_BYTES;
    let mut sightings: Vec<_> = flights.iter().flat_map(sightings).collect();
    sightings.sort_by_key(|sighting| sighting.at_ns);

    let mut writer = PcapNgWriter::with_section_header(out, section()).map_err(io_error)?;
    for name in ["sender", &format!("receiver {receiver}")] {
        write(&mut writer, interface(name))?;
    }
    let origin = Duration::from_micros(trace.origin_us);
    for sighting in sightings {
        let bytes = packets.emit(sighting.packet)?;
        let captured = match sighting.packet {
            Packet::Segment { .. } if headers_only => &bytes[..HEADER_BYTES],
            _ => &bytes[..],
        };
        let comment = |text| EnhancedPacketOption::Comment(Cow::Borrowed(text));
        let block = EnhancedPacketBlock {
            interface_id: sighting.interface,
            timestamp: origin + Duration::from_nanos(sighting.at_ns),
            original_len: bytes.len() as u32,
            data: Cow::Borrowed(captured),
            options: sighting.comment.map(comment).into_iter().collect(),
        };
        write(&mut writer, block)?;
    }
    writer.get_mut().flush()
}

fn section() -> SectionHeaderBlock<'static> {
    SectionHeaderBlock {
        // The same file on every machine.
        endianness: Endianness::Little,
        options: vec![SectionHeaderOption::UserApplication("backroom-lab".into())],
        ..SectionHeaderBlock::default()
    }
}

fn interface(name: &str) -> InterfaceDescriptionBlock<'_> {
    const NANOSECONDS: u8 = 9;
    InterfaceDescriptionBlock {
        linktype: DataLink::RAW,
        snaplen: 0,
        options: vec![
            InterfaceDescriptionOption::IfName(name.into()),
            InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        ],
    }
}

fn write<'a, W: Write>(
    writer: &mut PcapNgWriter<W>,
    block: impl PcapNgBlock<'a>,
) -> io::Result<()> {
    writer.write_pcapng_block(block).map(drop).map_err(io_error)
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        error => io::Error::other(error),
    }
}

/// A packet that passes an interface.
struct Sighting<'a> {
    at_ns: u64,
    interface: u32,
    comment: Option<&'static str>,
    packet: &'a Packet,
}

fn sightings(flight: &Flight) -> impl Iterator<Item = Sighting<'_>> {
    let (from, to) = match flight.packet {
        Packet::Segment { .. } => (SENDER, RECEIVER),
        Packet::Ack { .. } => (RECEIVER, SENDER),
    };
    let comment = match flight.end {
        FlightEnd::Lost(Some(LossCause::Queue)) => Some("lost: the queue was full"),
        FlightEnd::Lost(_) => Some("lost"),
        FlightEnd::Arrived(_) | FlightEnd::Unknown => None,
    };
    let sightings = [
        (flight.sent_ns, from, comment),
        (flight.arrived_ns(), to, None),
    ];
    sightings
        .into_iter()
        .filter_map(move |(at_ns, interface, comment)| {
            Some(Sighting {
                at_ns: at_ns?,
                interface,
                comment,
                packet: &flight.packet,
            })
        })
}

/// The packets of one receiver.
struct Packets<'a> {
    trace: &'a Trace,
    receiver: u16,
    lane: u16,
}

impl Packets<'_> {
    /// The length of what follows the headers.
    fn body_bytes(&self, packet: &Packet) -> usize {
        let body = match packet {
            Packet::Segment { seq, .. } => {
                let segment_bytes = u64::from(self.trace.segment_bytes);
                let before = seq.saturating_mul(segment_bytes);
                let left = self.trace.bytes.saturating_sub(before);
                left.min(segment_bytes) as usize
            }
            Packet::Ack { .. } => ACK_BODY_BYTES,
        };
        body + UNSEALED.len()
    }

    /// The packet from its IPv4 header on.
    fn emit(&self, packet: &Packet) -> io::Result<Vec<u8>> {
        let host = |number: u16| {
            let [high, low] = number.to_be_bytes();
            [10, 0, high, low]
        };
        let sender = (host(1), SENDER_PORT);
        let receiver = (host(self.receiver.saturating_add(1)), RECEIVER_PORT);
        let (from, to) = match packet {
            Packet::Segment { .. } => (sender, receiver),
            Packet::Ack { .. } => (receiver, sender),
        };
        let datagram = self.datagram(packet);
        let builder = PacketBuilder::ipv4(from.0, to.0, TIME_TO_LIVE).udp(from.1, to.1);
        let mut bytes = Vec::with_capacity(builder.size(datagram.len()));
        builder
            .write_to_vec(&mut bytes, &datagram)
            .map_err(io::Error::other)?;
        Ok(bytes)
    }

    fn datagram(&self, packet: &Packet) -> Vec<u8> {
        const SEGMENT: u8 = 1;
        const ACK: u8 = 2;
        let kind = match packet {
            Packet::Segment { .. } => SEGMENT,
            Packet::Ack { .. } => ACK,
        };
        let mut bytes = vec![kind];
        bytes.extend(self.trace.transfer.to_be_bytes());
        bytes.extend(self.lane.to_be_bytes());
        match packet {
            Packet::Segment { seq, round, .. } => {
                bytes.extend(round.to_be_bytes());
                bytes.extend(seq.to_be_bytes());
                let payload_bytes = self.body_bytes(packet) - UNSEALED.len();
                bytes.resize(bytes.len() + payload_bytes, 0);
            }
            Packet::Ack { ack, counter } => {
                // In a group, ACKs tell which member they come from.
                let member = match self.lane {
                    0 => self.receiver.saturating_sub(1),
                    _ => 0,
                };
                bytes.extend(member.to_be_bytes());
                bytes.extend(counter.unwrap_or_default().to_be_bytes());
                bytes.extend(ack.cumulative.to_be_bytes());
                bytes.extend(ack.accepted_round.to_be_bytes());
                bytes.push(u8::from(ack.gap_round.is_some()));
                bytes.extend(ack.gap_round.unwrap_or_default().to_be_bytes());
                bytes.extend(ack.free_segments.to_be_bytes());
            }
        }
        bytes.extend(UNSEALED);
        bytes
    }
}
