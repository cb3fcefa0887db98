//! Captures, read back. CI also compares what tshark reads.

use std::time::Duration;

use backroom_gbn::{Ack, Received};
use backroom_trace::{Trace, write_pcapng};
use backroom_vocabulary::trace::{LossCause, Side, Step, StepKind};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{Block, PcapNgReader};

fn step(at_ns: u64, kind: StepKind) -> Step {
    Step {
        at_ns,
        transfer: 7,
        stream: 1,
        receiver: 1,
        base: None,
        window: None,
        kind,
    }
}

/// Two segments of 1,000 and 500 bytes, of which the second is lost.
fn trace() -> Trace {
    let send = |seq| StepKind::Send {
        seq,
        round: 0,
        retransmission: false,
    };
    let ack = Ack {
        cumulative: 1,
        accepted_round: 0,
        gap_round: None,
        free_segments: 9,
    };
    let steps = vec![
        step(0, send(0)),
        step(10, send(1)),
        step(
            10,
            StepKind::Lost {
                seq: 1,
                round: 0,
                cause: LossCause::Queue,
            },
        ),
        step(
            500,
            StepKind::Arrive {
                seq: 0,
                round: 0,
                received: Received::Deliver,
            },
        ),
        step(
            600,
            StepKind::AckSend {
                ack,
                counter: Some(0),
            },
        ),
    ];
    Trace {
        transfer: 7,
        origin_us: 3,
        sides: vec![Side::Sender, Side::Receiver],
        window: None,
        bytes: 1_500,
        segment_bytes: 1_000,
        steps,
        missing: 0,
    }
}

#[test]
fn each_sighting_of_a_packet_is_a_valid_packet_of_its_interface() {
    let mut bytes = Vec::new();
    write_pcapng(&trace(), 1, &mut bytes).unwrap();
    let mut reader = PcapNgReader::new(bytes.as_slice()).unwrap();
    let (mut names, mut packets) = (Vec::new(), Vec::new());
    while let Some(block) = reader.next_block() {
        match block.unwrap() {
            Block::InterfaceDescription(interface) => {
                let name = interface.options.iter().find_map(|option| match option {
                    InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
                    _ => None,
                });
                names.push(name.unwrap());
            }
            Block::EnhancedPacket(packet) => {
                let comment = packet.options.iter().find_map(|option| match option {
                    EnhancedPacketOption::Comment(comment) => Some(comment.to_string()),
                    _ => None,
                });
                let payload_bytes = payload_of_valid_packet(&packet.data).len();
                packets.push((
                    packet.interface_id,
                    packet.timestamp,
                    payload_bytes,
                    comment,
                ));
            }
            _ => {}
        }
    }
    assert_eq!(names, ["sender", "receiver 1"]);
    let ns = |ns: u64| Duration::from_nanos(3_000 + ns);
    let (header, tag, ack_body) = (21, 16, 17);
    let lost = Some("lost: the queue was full".to_owned());
    assert_eq!(
        packets,
        [
            (0, ns(0), header + 1_000 + tag, None),
            (0, ns(10), header + 500 + tag, lost),
            (1, ns(500), header + 1_000 + tag, None),
            (1, ns(600), header + ack_body + tag, Some("lost".to_owned())),
        ]
    );
}

/// The UDP payload of an IPv4 packet, whose checksums must be right.
fn payload_of_valid_packet(packet: &[u8]) -> Vec<u8> {
    let sliced = SlicedPacket::from_ip(packet).expect("an IP packet");
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Udp(udp))) = (sliced.net, sliced.transport)
    else {
        panic!("not UDP over IPv4")
    };
    let header = ip.header().to_header();
    assert_eq!(header.header_checksum, header.calc_header_checksum());
    let expected = udp
        .to_header()
        .calc_checksum_ipv4(&header, udp.payload())
        .expect("a payload that fits a datagram");
    assert_eq!(udp.checksum(), expected);
    udp.payload().to_vec()
}
