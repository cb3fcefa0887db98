//! The datagrams of a file: which open, and which are dropped.

use backroom_gbn::Ack;
use backroom_protocol::segment::{
    ACK_BYTES, AckOpener, AckSealer, HEADER_BYTES, MAX_SEGMENT_BYTES, OpenError, SEGMENT_OVERHEAD,
    SEGMENTS_PER_EPOCH, SealError, SegmentBytes, SegmentOpener, SegmentSealer, StreamId, set_round,
};
use backroom_protocol::{Key, TransferId};
use proptest::prelude::*;

const STREAM: StreamId = StreamId {
    transfer: TransferId(42),
    lane: 1,
};
const ACK: Ack = Ack {
    cumulative: 7,
    accepted_round: 2,
    gap_round: Some(3),
    free_segments: 99,
};

fn key() -> Key {
    Key::generate().expect("random bytes")
}

fn segment_pair() -> (SegmentSealer, SegmentOpener) {
    let key = key();
    (
        SegmentSealer::new(STREAM, &key),
        SegmentOpener::new(STREAM, &key),
    )
}

fn ack_pair() -> (AckSealer, AckOpener) {
    let key = key();
    (
        AckSealer::new(STREAM, 5, &key),
        AckOpener::new(STREAM, 5, &key),
    )
}

fn sealed(sealer: &mut SegmentSealer, seq: u64, round: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0; payload.len() + SEGMENT_OVERHEAD];
    datagram[HEADER_BYTES..HEADER_BYTES + payload.len()].copy_from_slice(payload);
    sealer
        .seal(seq, round, &mut datagram)
        .expect("a new number");
    datagram
}

fn open(opener: &mut SegmentOpener, datagram: &[u8]) -> Result<(u64, u16, Vec<u8>), OpenError> {
    let mut datagram = datagram.to_vec();
    opener
        .open(&mut datagram)
        .map(|segment| (segment.seq, segment.round, segment.payload.to_vec()))
}

#[test]
fn segments_open_repeatedly_and_out_of_order() {
    let (mut sealer, mut opener) = segment_pair();
    let first = sealed(&mut sealer, 0, 0, b"first");
    let second = sealed(&mut sealer, 1, 0, b"second");
    assert_eq!(open(&mut opener, &second), Ok((1, 0, b"second".to_vec())));
    assert_eq!(open(&mut opener, &first), Ok((0, 0, b"first".to_vec())));
    assert_eq!(open(&mut opener, &first), Ok((0, 0, b"first".to_vec())));
}

#[test]
fn a_retransmission_differs_only_in_its_round() {
    let (mut sealer, mut opener) = segment_pair();
    let original = sealed(&mut sealer, 0, 0, b"payload");
    let mut again = original.clone();
    set_round(&mut again, 0xabcd);
    let differing: Vec<_> = (0..again.len())
        .filter(|&i| again[i] != original[i])
        .collect();
    assert_eq!(differing, [11, 12]);
    assert_eq!(
        open(&mut opener, &again),
        Ok((0, 0xabcd, b"payload".to_vec()))
    );
    set_round(&mut [0; 5], 1);
}

#[test]
fn every_bit_flip_outside_the_round_fails() {
    let (mut sealer, mut opener) = segment_pair();
    let plaintext = b"not to be changed";
    let datagram = sealed(&mut sealer, 3, 0, plaintext);
    for bit in (0..8 * datagram.len()).filter(|bit| !(88..104).contains(bit)) {
        let mut changed = datagram.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(opener.open(&mut changed).is_err(), "bit {bit}");
        let mut parts = changed.windows(plaintext.len() / 2);
        assert!(!parts.any(|part| plaintext.starts_with(part)), "bit {bit}");
    }
    assert!(
        open(&mut opener, &datagram).is_ok(),
        "the failures changed nothing"
    );
}

#[test]
fn a_sequence_number_is_sealed_only_once() {
    let (mut sealer, _) = segment_pair();
    sealed(&mut sealer, 5, 0, b"x");
    for seq in [5, 4, 0] {
        assert_eq!(
            sealer.seal(seq, 1, &mut [0; 60]),
            Err(SealError::SeqReused { seq })
        );
    }
    assert_eq!(
        sealer.seal(u64::MAX, 0, &mut [0; 60]),
        Err(SealError::KeyUsedUp)
    );
    sealed(&mut sealer, 6, 0, b"x");
}

#[test]
fn another_key_transfer_lane_or_kind_does_not_open() {
    let key = key();
    let mut sealer = SegmentSealer::new(STREAM, &key);
    let datagram = sealed(&mut sealer, 0, 0, b"payload");
    let mut other_key = SegmentOpener::new(STREAM, &self::key());
    assert_eq!(
        open(&mut other_key, &datagram),
        Err(OpenError::NotAuthentic)
    );
    for stream in [
        StreamId {
            transfer: TransferId(43),
            ..STREAM
        },
        StreamId { lane: 2, ..STREAM },
    ] {
        let mut opener = SegmentOpener::new(stream, &key);
        assert_eq!(open(&mut opener, &datagram), Err(OpenError::OtherStream));
        // Relabelled on the way to a stream that was given the same key, it still does not open.
        let mut relabelled = sealed(&mut SegmentSealer::new(stream, &key), 0, 0, b"payload");
        relabelled[HEADER_BYTES..].copy_from_slice(&datagram[HEADER_BYTES..]);
        assert_eq!(open(&mut opener, &relabelled), Err(OpenError::NotAuthentic));
    }
    let ack = AckSealer::new(STREAM, 0, &key).seal(ACK).unwrap();
    assert_eq!(
        open(&mut SegmentOpener::new(STREAM, &key), &ack),
        Err(OpenError::Malformed)
    );
}

#[test]
fn the_key_changes_every_2_to_the_22_segments() {
    let (mut sealer, mut opener) = segment_pair();
    let last = sealed(&mut sealer, SEGMENTS_PER_EPOCH - 1, 0, b"same payload");
    let first = sealed(&mut sealer, SEGMENTS_PER_EPOCH, 0, b"same payload");
    assert!(open(&mut opener, &last).is_ok());
    assert!(open(&mut opener, &first).is_ok());
    assert!(
        open(&mut opener, &last).is_ok(),
        "a go-back reaches behind the boundary"
    );
    let later: Vec<_> = (2..5)
        .map(|epoch| sealed(&mut sealer, epoch * SEGMENTS_PER_EPOCH, 0, b"x"))
        .collect();
    assert_eq!(
        open(&mut opener, &later[1]),
        Err(OpenError::NotAuthentic),
        "no window is that wide"
    );
    for datagram in &later {
        assert!(open(&mut opener, datagram).is_ok());
    }
    assert_eq!(
        open(&mut opener, &last),
        Err(OpenError::NotAuthentic),
        "two epochs back is nobody's go-back"
    );
}

#[test]
fn forged_numbers_do_not_change_the_epoch() {
    let (mut sealer, mut opener) = segment_pair();
    let (_, mut other) = segment_pair();
    let mut forger = SegmentSealer::new(STREAM, &key());
    for epoch in [1, 2, 1 << 41] {
        let forged = sealed(&mut forger, epoch * SEGMENTS_PER_EPOCH, 0, b"forged");
        assert_eq!(open(&mut opener, &forged), Err(OpenError::NotAuthentic));
        assert_eq!(open(&mut other, &forged), Err(OpenError::NotAuthentic));
    }
    assert!(
        open(
            &mut opener,
            &sealed(&mut sealer, 0, 0, b"still the first epoch")
        )
        .is_ok()
    );
}

#[test]
fn datagrams_have_1_to_65470_bytes_of_payload() {
    let (mut sealer, mut opener) = segment_pair();
    let largest = usize::from(MAX_SEGMENT_BYTES) + SEGMENT_OVERHEAD;
    assert_eq!(largest, 65_507);
    for bytes in [0, 1, HEADER_BYTES, SEGMENT_OVERHEAD, largest + 1] {
        assert_eq!(
            sealer.seal(0, 0, &mut vec![0; bytes]),
            Err(SealError::Length { bytes })
        );
        assert_eq!(
            open(&mut opener, &vec![1; bytes]),
            Err(OpenError::Malformed)
        );
    }
    for (seq, bytes) in [(0, SEGMENT_OVERHEAD + 1), (1, largest)] {
        let mut datagram = vec![0; bytes];
        sealer.seal(seq, 0, &mut datagram).unwrap();
        assert!(open(&mut opener, &datagram).is_ok());
    }
}

#[test]
fn a_segment_size_is_checked_when_it_is_parsed() {
    for text in ["15", "65471", "-1", "", "1200 ", "99999"] {
        assert!(text.parse::<SegmentBytes>().is_err(), "{text:?}");
    }
    assert_eq!("1184".parse(), Ok(SegmentBytes::DEFAULT));
    assert_eq!(SegmentBytes::DEFAULT.datagram_bytes(), 1_221);
}

#[test]
fn replayed_and_older_acks_do_not_open() {
    let (mut sealer, mut opener) = ack_pair();
    let acks: Vec<_> = (0..3)
        .map(|i| {
            sealer
                .seal(Ack {
                    cumulative: i,
                    ..ACK
                })
                .unwrap()
        })
        .collect();
    assert_eq!(
        opener.open(&acks[0]),
        Ok(Ack {
            cumulative: 0,
            ..ACK
        })
    );
    assert_eq!(opener.open(&acks[0]), Err(OpenError::Replayed));
    assert_eq!(
        opener.open(&acks[2]),
        Ok(Ack {
            cumulative: 2,
            ..ACK
        })
    );
    assert_eq!(opener.open(&acks[1]), Err(OpenError::Replayed), "overtaken");
}

#[test]
fn a_forged_counter_does_not_block_the_receiver() {
    let (mut sealer, mut opener) = ack_pair();
    let ack = sealer.seal(ACK).unwrap();
    let mut forged = ack;
    forged[13..21].fill(0xff);
    assert_eq!(opener.open(&forged), Err(OpenError::NotAuthentic));
    assert_eq!(opener.open(&ack), Ok(ACK));
}

#[test]
fn every_bit_flip_of_an_ack_fails() {
    let (mut sealer, mut opener) = ack_pair();
    let ack = sealer.seal(ACK).unwrap();
    for bit in 0..8 * ACK_BYTES {
        let mut changed = ack;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(opener.open(&changed).is_err(), "bit {bit}");
    }
    assert_eq!(opener.open(&ack), Ok(ACK));
}

#[test]
fn a_receiver_cannot_acknowledge_for_another() {
    let (key, other_key) = (key(), key());
    let own = AckSealer::new(STREAM, 5, &key).seal(ACK).unwrap();
    assert_eq!(
        AckOpener::new(STREAM, 6, &other_key).open(&own),
        Err(OpenError::OtherStream)
    );
    // Even with the same number, its key is not the other's; and with the same key, its number is not.
    assert_eq!(
        AckOpener::new(STREAM, 5, &other_key).open(&own),
        Err(OpenError::NotAuthentic)
    );
    let mut relabelled = own;
    relabelled[12] = 6;
    assert_eq!(
        AckOpener::new(STREAM, 6, &key).open(&relabelled),
        Err(OpenError::NotAuthentic)
    );
}

proptest! {
    #[test]
    fn any_payload_round_trips(
        seq in 0..2 * SEGMENTS_PER_EPOCH,
        round: u16,
        payload in prop::collection::vec(any::<u8>(), 1..1500),
    ) {
        let (mut sealer, mut opener) = segment_pair();
        prop_assert_eq!(open(&mut opener, &sealed(&mut sealer, seq, round, &payload)), Ok((seq, round, payload)));
    }

    #[test]
    fn any_ack_round_trips(cumulative: u64, accepted_round: u16, gap_round: Option<u16>, free_segments: u32) {
        let ack = Ack { cumulative, accepted_round, gap_round, free_segments };
        let (mut sealer, mut opener) = ack_pair();
        prop_assert_eq!(opener.open(&sealer.seal(ack).unwrap()), Ok(ack));
    }

    #[test]
    fn arbitrary_bytes_never_open_and_never_panic(mut datagram in prop::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(segment_pair().1.open(&mut datagram).is_err());
        prop_assert!(ack_pair().1.open(&datagram).is_err());
        set_round(&mut datagram, 1);
    }

    #[test]
    fn arbitrary_bytes_after_a_valid_header_never_open(mut datagram in prop::collection::vec(any::<u8>(), 21..120)) {
        let header: Vec<u8> = [&[1][..], &42u64.to_be_bytes(), &1u16.to_be_bytes()].concat();
        datagram[..11].copy_from_slice(&header);
        prop_assert!(segment_pair().1.open(&mut datagram).is_err());
        datagram[0] = 2;
        datagram.resize(ACK_BYTES, 0);
        prop_assert!(ack_pair().1.open(&datagram).is_err());
    }
}
