//! Data datagrams: sealed once by the sender, in place, and sent again as they are.
//!
//! `aws-lc-rs` has the cipher in assembly for each processor, and segments are nearly all that is ever sealed. Everything
//! else is sealed by `aes-gcm`, which is slower and wipes its keys.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{
    HEADER_BYTES, Kind, MAX_SEGMENT_BYTES, OpenError, SEGMENT_OVERHEAD, SealError, StreamId,
};
use crate::key::Key;
use crate::record::nonce;

/// Segments under one key: then the next epoch's key is derived. Far below AES-GCM's limits (RFC 9001, B.1, allows
/// 2^23 packets of QUIC).
pub const SEGMENTS_PER_EPOCH: u64 = 1 << EPOCH_BITS;

const EPOCH_BITS: u32 = 22;
const KEY_LABEL: &[u8] = b"backroom segment v1";

const LANE_END: usize = 11;
const ROUND_END: usize = 13;

/// Seals a stream's segments. Each number once, in rising order, or its nonce would be used twice.
pub struct SegmentSealer {
    keys: StreamKeys,
    epoch: u64,
    cipher: LessSafeKey,
    least_seq: u64,
}

impl SegmentSealer {
    /// For the sender of `stream`; nobody else may seal with this key.
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
            least_seq: 0,
        }
    }

    /// Seals a segment in place. `datagram` is [`HEADER_BYTES`] to be filled in, the payload, and [`TAG_BYTES`](crate::record::TAG_BYTES) to be
    /// filled in.
    pub fn seal(&mut self, seq: u64, round: u16, datagram: &mut [u8]) -> Result<(), SealError> {
        let bytes = datagram.len();
        if !is_datagram_length(bytes) {
            return Err(SealError::Length { bytes });
        }
        if seq < self.least_seq {
            return Err(SealError::SeqReused { seq });
        }
        self.least_seq = seq.checked_add(1).ok_or(SealError::KeyUsedUp)?;
        let epoch = epoch_of(seq);
        if epoch != self.epoch {
            self.cipher = self.keys.cipher(epoch);
            self.epoch = epoch;
        }
        let (header, rest) = datagram.split_at_mut(HEADER_BYTES);
        self.keys.stream.write_data_header(seq, round, header);
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

/// Opens a stream's segments, in any order within one epoch of the newest.
pub struct SegmentOpener {
    keys: StreamKeys,
    /// The epoch of the newest segment that opened.
    epoch: u64,
    /// The ciphers of the epoch before, of this one and of the next. All three are at hand, so that a forged number
    /// costs no key derivation.
    previous: Option<LessSafeKey>,
    current: LessSafeKey,
    next: LessSafeKey,
}

/// A segment that opened.
#[derive(Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Its number.
    pub seq: u64,
    /// The round it was sent in. Not authenticated: whoever can change datagrams on their way can change it.
    pub round: u16,
    /// Its bytes of the file.
    pub payload: &'a mut [u8],
}

impl SegmentOpener {
    /// For a receiver of `stream`.
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

    /// Opens a datagram in place. One that fails changes nothing but its own bytes.
    pub fn open<'a>(&mut self, datagram: &'a mut [u8]) -> Result<Segment<'a>, OpenError> {
        let bytes = datagram.len();
        if !is_datagram_length(bytes) {
            return Err(OpenError::Malformed);
        }
        let (header, rest) = datagram.split_at_mut(HEADER_BYTES);
        let (seq, round) = self.keys.stream.read_data_header(header)?;
        let epoch = epoch_of(seq);
        let cipher = self.cipher(epoch).ok_or(OpenError::NotAuthentic)?;
        let payload = cipher
            .open_in_place(nonce_of(seq), Aad::from(associated_data(header)), rest)
            .map_err(|_| OpenError::NotAuthentic)?;
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

/// Writes another round into a sealed datagram that is sent again. The round is not authenticated, which is what lets
/// everything else stay as it was sealed.
pub fn set_round(datagram: &mut [u8], round: u16) {
    if let Some(field) = datagram.get_mut(LANE_END..ROUND_END) {
        field.copy_from_slice(&round.to_be_bytes());
    }
}

/// A stream and its key, from which each epoch has its own.
struct StreamKeys {
    stream: StreamId,
    stream_key: Key,
}

impl StreamKeys {
    fn key(&self, epoch: u64) -> Key {
        let StreamId { transfer, lane } = self.stream;
        self.stream_key.derive(&[
            KEY_LABEL,
            &transfer.0.to_be_bytes(),
            &lane.to_be_bytes(),
            &epoch.to_be_bytes(),
        ])
    }

    fn cipher(&self, epoch: u64) -> LessSafeKey {
        match UnboundKey::new(&AES_256_GCM, self.key(epoch).as_bytes()) {
            Ok(key) => LessSafeKey::new(key),
            Err(_) => unreachable!("AES-256 refused a key of 32 bytes"),
        }
    }
}

impl StreamId {
    fn write_data_header(self, seq: u64, round: u16, header: &mut [u8]) {
        self.write_prefix(Kind::Data, header);
        header[LANE_END..ROUND_END].copy_from_slice(&round.to_be_bytes());
        header[ROUND_END..].copy_from_slice(&seq.to_be_bytes());
    }

    fn read_data_header(self, header: &[u8]) -> Result<(u64, u16), OpenError> {
        let rest = self.read_prefix(Kind::Data, header)?;
        let (round, seq) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
        let seq = seq.try_into().map_err(|_| OpenError::Malformed)?;
        Ok((u64::from_be_bytes(seq), u16::from_be_bytes(*round)))
    }
}

/// The header without its round.
fn associated_data(header: &[u8]) -> [u8; HEADER_BYTES - 2] {
    let mut data = [0; HEADER_BYTES - 2];
    data[..LANE_END].copy_from_slice(&header[..LANE_END]);
    data[LANE_END..].copy_from_slice(&header[ROUND_END..]);
    data
}

/// Numbers rise, so that no nonce is used twice; that makes the "less safe" key safe.
fn nonce_of(seq: u64) -> Nonce {
    Nonce::assume_unique_for_key(nonce(seq).into())
}

fn is_datagram_length(bytes: usize) -> bool {
    (SEGMENT_OVERHEAD + 1..=usize::from(MAX_SEGMENT_BYTES) + SEGMENT_OVERHEAD).contains(&bytes)
}

fn epoch_of(seq: u64) -> u64 {
    seq >> EPOCH_BITS
}

impl fmt::Debug for SegmentSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentSealer")
            .field("stream", &self.keys.stream)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SegmentOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentOpener")
            .field("stream", &self.keys.stream)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::TransferId;
    use crate::key::tests::{bytes, unhex};

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
    fn each_transfer_lane_and_epoch_has_a_key_of_its_own() {
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

    /// Computed with Python's hmac and cryptography; at a new key's first segment, the last before it, and the first.
    #[test]
    fn segments_are_what_another_implementation_seals() {
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
