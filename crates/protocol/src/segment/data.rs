//! Data datagrams: sealed once by the sender, in place, and sent again as they are.

use std::fmt;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Tag};

use super::{
    HEADER_BYTES, Kind, MAX_SEGMENT_BYTES, OpenError, SEGMENT_OVERHEAD, SealError, Stream,
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
    cipher: Aes256Gcm,
    least_seq: u64,
}

impl SegmentSealer {
    /// For the sender of `stream`; nobody else may seal with this key.
    pub fn new(stream: Stream, stream_key: &Key) -> Self {
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
        let sealed = self
            .cipher
            .encrypt_inout_detached(&nonce(seq), &associated_data(header), payload.into())
            .map_err(|_| SealError::Length { bytes })?;
        tag.copy_from_slice(&sealed);
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
    previous: Option<Aes256Gcm>,
    current: Aes256Gcm,
    next: Aes256Gcm,
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
    pub fn new(stream: Stream, stream_key: &Key) -> Self {
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

    /// Opens a datagram in place. One that fails is left as it was and changes nothing.
    pub fn open<'a>(&mut self, datagram: &'a mut [u8]) -> Result<Segment<'a>, OpenError> {
        let bytes = datagram.len();
        if !is_datagram_length(bytes) {
            return Err(OpenError::Malformed);
        }
        let (header, rest) = datagram.split_at_mut(HEADER_BYTES);
        let (seq, round) = self.keys.stream.read_data_header(header)?;
        let epoch = epoch_of(seq);
        let cipher = self.cipher(epoch).ok_or(OpenError::NotAuthentic)?;
        let (payload, tag) = rest.split_at_mut(bytes - SEGMENT_OVERHEAD);
        let tag = Tag::try_from(&*tag).map_err(|_| OpenError::Malformed)?;
        cipher
            .decrypt_inout_detached(
                &nonce(seq),
                &associated_data(header),
                (&mut *payload).into(),
                &tag,
            )
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

    fn cipher(&self, epoch: u64) -> Option<&Aes256Gcm> {
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
    stream: Stream,
    stream_key: Key,
}

impl StreamKeys {
    fn key(&self, epoch: u64) -> Key {
        let Stream { transfer, lane } = self.stream;
        self.stream_key.derive(&[
            KEY_LABEL,
            &transfer.0.to_be_bytes(),
            &lane.to_be_bytes(),
            &epoch.to_be_bytes(),
        ])
    }

    fn cipher(&self, epoch: u64) -> Aes256Gcm {
        Aes256Gcm::new(self.key(epoch).as_bytes().into())
    }
}

impl Stream {
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
