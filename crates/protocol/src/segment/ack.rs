//! ACK datagrams: sealed by a receiver with a key of its own, each with a higher counter than the one before.

use std::fmt;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Tag};

use super::{HEADER_BYTES, Kind, OpenError, SealError, Stream};
use crate::key::Key;
use crate::record::{TAG_BYTES, nonce};

/// The size of an ACK's datagram.
pub const ACK_BYTES: usize = HEADER_BYTES + BODY_BYTES + TAG_BYTES;

/// ACKs under one key: 2^42 blocks, where AES-GCM's margin is still 2^-45.
const MAX_ACKS: u64 = 1 << 40;

const BODY_BYTES: usize = 17;
const KEY_LABEL: &[u8] = b"backroom ack v1";

/// What a receiver acknowledges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The next segment expected: all below have arrived.
    pub cumulative: u64,
    /// The round in which segment `cumulative - 1` was accepted, 0 where nothing was: what a round trip is timed by.
    pub accepted_round: u16,
    /// If a segment above it arrived: the round in which that one was sent.
    pub gap_round: Option<u16>,
    /// How many segments from `cumulative` on the receiver has space for.
    pub free_segments: u32,
}

/// Seals a receiver's ACKs.
pub struct AckSealer {
    stream: Stream,
    receiver: u16,
    cipher: Aes256Gcm,
    counter: u64,
}

/// Opens one receiver's ACKs, each at most once.
pub struct AckOpener {
    stream: Stream,
    receiver: u16,
    cipher: Aes256Gcm,
    /// The least counter that is new.
    least_counter: u64,
}

impl AckSealer {
    /// For receiver number `receiver` of `stream`; nobody else may seal with this key.
    pub fn new(stream: Stream, receiver: u16, ack_key: &Key) -> Self {
        Self {
            stream,
            receiver,
            cipher: cipher(stream, receiver, ack_key),
            counter: 0,
        }
    }

    /// The datagram of an ACK.
    pub fn seal(&mut self, ack: Ack) -> Result<[u8; ACK_BYTES], SealError> {
        let mut datagram = [0; ACK_BYTES];
        let counter = self.counter;
        if counter >= MAX_ACKS {
            return Err(SealError::KeyUsedUp);
        }
        self.counter += 1;
        let (header, rest) = datagram.split_at_mut(HEADER_BYTES);
        self.stream.write_prefix(Kind::Ack, header);
        header[LANE_END..RECEIVER_END].copy_from_slice(&self.receiver.to_be_bytes());
        header[RECEIVER_END..].copy_from_slice(&counter.to_be_bytes());
        let (body, tag) = rest.split_at_mut(BODY_BYTES);
        body.copy_from_slice(&ack.emit());
        let sealed = self
            .cipher
            .encrypt_inout_detached(&nonce(counter), header, body.into())
            .map_err(|_| SealError::Length { bytes: ACK_BYTES })?;
        tag.copy_from_slice(&sealed);
        Ok(datagram)
    }
}

impl AckOpener {
    /// For the sender of `stream`, with the key that receiver number `receiver` chose.
    pub fn new(stream: Stream, receiver: u16, ack_key: &Key) -> Self {
        Self {
            stream,
            receiver,
            cipher: cipher(stream, receiver, ack_key),
            least_counter: 0,
        }
    }

    /// Opens a datagram. One that fails changes nothing, whatever counter it claims.
    pub fn open(&mut self, datagram: &[u8]) -> Result<Ack, OpenError> {
        let mut datagram: [u8; ACK_BYTES] =
            datagram.try_into().map_err(|_| OpenError::Malformed)?;
        let (header, rest) = datagram.split_at_mut(HEADER_BYTES);
        let (receiver, counter) = self.stream.read_ack_header(header)?;
        if receiver != self.receiver {
            return Err(OpenError::OtherStream);
        }
        if counter < self.least_counter {
            return Err(OpenError::Replayed);
        }
        let (body, tag) = rest.split_at_mut(BODY_BYTES);
        let tag = Tag::try_from(&*tag).map_err(|_| OpenError::Malformed)?;
        self.cipher
            .decrypt_inout_detached(&nonce(counter), header, (&mut *body).into(), &tag)
            .map_err(|_| OpenError::NotAuthentic)?;
        self.least_counter = counter.saturating_add(1);
        Ack::parse(body)
    }
}

const LANE_END: usize = 11;
const RECEIVER_END: usize = 13;

fn cipher(stream: Stream, receiver: u16, ack_key: &Key) -> Aes256Gcm {
    Aes256Gcm::new(receiver_key(stream, receiver, ack_key).as_bytes().into())
}

fn receiver_key(stream: Stream, receiver: u16, ack_key: &Key) -> Key {
    let Stream { transfer, lane } = stream;
    ack_key.derive(&[
        KEY_LABEL,
        &transfer.0.to_be_bytes(),
        &lane.to_be_bytes(),
        &receiver.to_be_bytes(),
    ])
}

impl Stream {
    fn read_ack_header(self, header: &[u8]) -> Result<(u16, u64), OpenError> {
        let rest = self.read_prefix(Kind::Ack, header)?;
        let (receiver, counter) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
        let counter = counter.try_into().map_err(|_| OpenError::Malformed)?;
        Ok((u16::from_be_bytes(*receiver), u64::from_be_bytes(counter)))
    }
}

impl Ack {
    fn emit(self) -> [u8; BODY_BYTES] {
        let mut body = [0; BODY_BYTES];
        body[..8].copy_from_slice(&self.cumulative.to_be_bytes());
        body[8..10].copy_from_slice(&self.accepted_round.to_be_bytes());
        body[10] = u8::from(self.gap_round.is_some());
        body[11..13].copy_from_slice(&self.gap_round.unwrap_or(0).to_be_bytes());
        body[13..].copy_from_slice(&self.free_segments.to_be_bytes());
        body
    }

    fn parse(body: &[u8]) -> Result<Self, OpenError> {
        let (cumulative, rest) = body.split_first_chunk().ok_or(OpenError::Malformed)?;
        let (accepted_round, rest) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
        let (flag, rest) = rest.split_first().ok_or(OpenError::Malformed)?;
        let (round, rest) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
        let free_segments = rest.try_into().map_err(|_| OpenError::Malformed)?;
        let gap_round = match (flag, u16::from_be_bytes(*round)) {
            (0, 0) => None,
            (1, round) => Some(round),
            _ => return Err(OpenError::Malformed),
        };
        Ok(Self {
            cumulative: u64::from_be_bytes(*cumulative),
            accepted_round: u16::from_be_bytes(*accepted_round),
            gap_round,
            free_segments: u32::from_be_bytes(free_segments),
        })
    }
}

impl fmt::Debug for AckSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckSealer")
            .field("stream", &self.stream)
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AckOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckOpener")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}
