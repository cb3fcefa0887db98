//! Sizes of the packets on the wire, as `docs/protocol.md` gives them. Links count whole IP packets.

/// Bytes in the IP packet of a data segment besides file bytes: header 21, authentication tag 16, UDP 8, IPv4 20.
pub const DATA_OVERHEAD_BYTES: u16 = 21 + 16 + 8 + 20;

/// An ACK's IP packet: header 21, sealed body 17, authentication tag 16, UDP 8, IPv4 20.
pub const ACK_PACKET_BYTES: u16 = 21 + 17 + 16 + 8 + 20;

#[cfg(test)]
mod tests {
    use backroom_protocol::segment;

    use super::*;

    const IPV4_AND_UDP: usize = 20 + 8;

    #[test]
    fn packets_have_the_sizes_that_the_protocol_gives_them() {
        let data = segment::SEGMENT_OVERHEAD + IPV4_AND_UDP;
        assert_eq!(usize::from(DATA_OVERHEAD_BYTES), data);
        let ack = segment::ACK_BYTES + IPV4_AND_UDP;
        assert_eq!(usize::from(ACK_PACKET_BYTES), ack);
    }
}
