//! Data datagrams. The sender seals each segment once, in place, and retransmits the sealed bytes.
//!
//! Segments are nearly all of the sealed data, so they use `aws-lc-rs`, which has assembly for each processor. Everything
//! else uses `aes-gcm`, which is slower but wipes its keys.

use std::ops::Range;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::error::{OpenError, SealError};
use super::size::{HEADER_BYTES, MAX_SEGMENT_BYTES, SEGMENT_OVERHEAD};
use super::stream::{Kind, PREFIX_BYTES, StreamId};
use crate::key::Key;
use crate::record::nonce;

/// The number of segments under one key. After them, the key of the next epoch is derived. The limit is well below that of
/// AES-GCM: RFC 9001, B.1, allows 2^23 QUIC packets.
pub const SEGMENTS_PER_EPOCH: u64 = 1 << EPOCH_BITS;

const EPOCH_BITS: u32 = 22;
const KEY_LABEL: &[u8] = b"backroom segment v1";

/// The position of the round in the header.
const ROUND: Range<usize> = PREFIX_BYTES..PREFIX_BYTES + 2;

/// Seals the segments of a stream, each once and in increasing order. The sequence number is the nonce, so sealing one twice
/// would break the cipher.
#[derive(Debug)]
pub struct SegmentSealer {
    keys: StreamKeys,
    epoch: u64,
    cipher: LessSafeKey,
    /// The lowest sequence number that may still be sealed.
    min_seq: u64,
}

impl SegmentSealer {
    /// Creates the sealer of a stream. No other sealer may use the same key.
    pub fn new(stream: StreamId, stream_key: &Key) -> Self {
        let keys = StreamKeys {
            stream,
            stream_key: stream_key.clone(),
        };
        let cipher = keys.cipher(0);
        Self {
            keys,
            epoch: 0,
            cipher,
            min_seq: 0,
        }
    }

    /// Seals a segment in place. `datagram` consists of [`HEADER_BYTES`], which are overwritten, the payload, and
    /// [`TAG_BYTES`](crate::record::TAG_BYTES), which are overwritten too.
    pub fn seal(&mut self, seq: u64, round: u16, datagram: &mut [u8]) -> Result<(), SealError> {
        let bytes = datagram.len();
        if !is_datagram_length(bytes) {
            return Err(SealError::Length { bytes });
        }
        if seq < self.min_seq {
            return Err(SealError::SeqReused { seq });
        }
        self.min_seq = seq.checked_add(1).ok_or(SealError::KeyUsedUp)?;
        let epoch = epoch_of(seq);
        if epoch != self.epoch {
            self.cipher = self.keys.cipher(epoch);
            self.epoch = epoch;
        }
        let (header, rest) = datagram.split_at_mut(HEADER_BYTES);
        self.keys
            .stream
            .write_header(Kind::Data, round, seq, header);
        let (payload, tag) = rest.split_at_mut(bytes - SEGMENT_OVERHEAD);
        let associated_data = Aad::from(associated_data(header));
        let sealed = self
            .cipher
            .seal_in_place_separate_tag(nonce_of(seq), associated_data, payload)
            .map_err(|_| SealError::Length { bytes })?;
        tag.copy_from_slice(sealed.as_ref());
        Ok(())
    }
}

/// Opens the segments of a stream, in any order within one epoch of the newest.
#[derive(Debug)]
pub struct SegmentOpener {
    keys: StreamKeys,
    /// The epoch of the newest segment that opened.
    epoch: u64,
    // The ciphers of three epochs are kept, so that a forged sequence number cannot cause a key derivation.
    previous: Option<LessSafeKey>,
    current: LessSafeKey,
    next: LessSafeKey,
}

/// An opened segment.
#[derive(Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The sequence number, from 0.
    pub seq: u64,
    /// The round in which the segment was sent. It is not authenticated, so an attacker on the path can change it.
    pub round: u16,
    /// The segment's bytes of the file.
    pub payload: &'a mut [u8],
}

impl SegmentOpener {
    /// Creates the opener of a stream.
    pub fn new(stream: StreamId, stream_key: &Key) -> Self {
        let keys = StreamKeys {
            stream,
            stream_key: stream_key.clone(),
        };
        let (current, next) = (keys.cipher(0), keys.cipher(1));
        Self {
            keys,
            epoch: 0,
            previous: None,
            current,
            next,
        }
    }

    /// Opens a datagram in place. A datagram that does not open changes only its own bytes.
    pub fn open<'a>(&mut self, datagram: &'a mut [u8]) -> Result<Segment<'a>, OpenError> {
        let bytes = datagram.len();
        if !is_datagram_length(bytes) {
            return Err(OpenError::Malformed);
        }
        let (header, rest) = datagram.split_at_mut(HEADER_BYTES);
        let (round, seq) = self.keys.stream.read_header(Kind::Data, header)?;
        let epoch = epoch_of(seq);
        let cipher = self.cipher(epoch).ok_or(OpenError::NotAuthentic)?;
        let payload = cipher
            .open_in_place(nonce_of(seq), Aad::from(associated_data(header)), rest)
            .map_err(|_| OpenError::NotAuthentic)?;
        // Only after authentication: a forged sequence number must not change the epoch.
        if epoch > self.epoch {
            self.advance();
        }
        Ok(Segment {
            seq,
            round,
            payload,
        })
    }

    fn cipher(&self, epoch: u64) -> Option<&LessSafeKey> {
        match epoch {
            _ if epoch == self.epoch => Some(&self.current),
            _ if epoch == self.epoch + 1 => Some(&self.next),
            _ if epoch + 1 == self.epoch => self.previous.as_ref(),
            _ => None,
        }
    }

    fn advance(&mut self) {
        self.epoch += 1;
        let next = self.keys.cipher(self.epoch + 1);
        let current = std::mem::replace(&mut self.next, next);
        self.previous = Some(std::mem::replace(&mut self.current, current));
    }
}

/// Changes the round of a sealed datagram before a retransmission. The round is not authenticated, so that the rest of the
/// datagram can stay as it was sealed.
pub fn set_round(datagram: &mut [u8], round: u16) {
    if let Some(field) = datagram.get_mut(ROUND) {
        field.copy_from_slice(&round.to_be_bytes());
    }
}

/// A stream and its key, from which the key of each epoch is derived.
#[derive(Debug)]
struct StreamKeys {
    stream: StreamId,
    stream_key: Key,
}

impl StreamKeys {
    fn key(&self, epoch: u64) -> Key {
        self.stream
            .derive(&self.stream_key, KEY_LABEL, &epoch.to_be_bytes())
    }

    fn cipher(&self, epoch: u64) -> LessSafeKey {
        UnboundKey::new(&AES_256_GCM, self.key(epoch).as_bytes())
            .map(LessSafeKey::new)
            .unwrap_or_else(|_| unreachable!("AES-256 refused a key of 32 bytes"))
    }
}

/// The header without the round.
fn associated_data(header: &[u8]) -> [u8; HEADER_BYTES - 2] {
    let mut data = [0; HEADER_BYTES - 2];
    data[..ROUND.start].copy_from_slice(&header[..ROUND.start]);
    data[ROUND.start..].copy_from_slice(&header[ROUND.end..]);
    data
}

/// `LessSafeKey` leaves the uniqueness of nonces to its user. The sealer guarantees it: sequence numbers only increase.
fn nonce_of(seq: u64) -> Nonce {
    Nonce::assume_unique_for_key(nonce(seq).into())
}

fn is_datagram_length(bytes: usize) -> bool {
    (SEGMENT_OVERHEAD + 1..=usize::from(MAX_SEGMENT_BYTES) + SEGMENT_OVERHEAD).contains(&bytes)
}

fn epoch_of(seq: u64) -> u64 {
    seq >> EPOCH_BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::{bytes, unhex};
    use crate::transfer_id::TransferId;

    fn keys(transfer: u64, lane: u16) -> StreamKeys {
        let stream = StreamId {
            transfer: TransferId(transfer),
            lane,
        };
        StreamKeys {
            stream,
            stream_key: Key::from_bytes(bytes(64)),
        }
    }

    #[test]
    fn each_transfer_lane_and_epoch_has_its_own_key() {
        let mut seen = vec![Key::from_bytes(bytes(64)), Key::from_bytes([0; 32])];
        for (transfer, lane, epoch) in [
            (1, 1, 0),
            (1, 1, 1),
            (1, 2, 0),
            (2, 1, 0),
            (1, 0, 1),
            (0, 0, 0),
            (1, 1, 1 << 41),
        ] {
            let key = keys(transfer, lane).key(epoch);
            assert!(!seen.contains(&key), "{transfer} {lane} {epoch}");
            seen.push(key);
        }
    }

    /// Computed with Python's hmac and cryptography: the first segment, the last of the first epoch, and the first of the
    /// second epoch.
    #[test]
    fn segments_match_another_implementation() {
        let keys = keys(0x0102_0304_0506_0708, 0x0304);
        let mut sealer = SegmentSealer::new(keys.stream, &keys.stream_key);
        for (seq, expected) in [
            (
                0,
                "010102030405060708030405060000000000000000a658db95f7ad3e160b43c01a9bb31b8347bd07e98f3b3a546affddd1",
            ),
            (
                SEGMENTS_PER_EPOCH - 1,
                "0101020304050607080304050600000000003fffff79fcfd16eea3d80235f908a9e6e155389043fc9293e871d7e5f07073",
            ),
            (
                SEGMENTS_PER_EPOCH,
                "010102030405060708030405060000000000400000f641ecafc0f6b761e70e5ecd6385419194d734a49e350acc86ad1226",
            ),
        ] {
            let mut datagram = [&[0; HEADER_BYTES][..], b"some payload", &[0; 16]].concat();
            sealer.seal(seq, 0x0506, &mut datagram).unwrap();
            assert_eq!(datagram, unhex(expected));
        }
    }
}
