//! ACK datagrams. Each receiver seals them with its own key and an increasing counter.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Tag};
use backroom_gbn::Ack;

use super::error::{OpenError, SealError};
use super::size::HEADER_BYTES;
use super::stream::{Kind, StreamId, take};
use crate::key::Key;
use crate::record::{TAG_BYTES, nonce};

/// The size of an ACK datagram.
pub const ACK_BYTES: usize = HEADER_BYTES + BODY_BYTES + TAG_BYTES;

/// The maximum number of ACKs under one key: 2^42 blocks, which bounds an attacker's advantage against AES-GCM by 2^-45.
const MAX_ACKS: u64 = 1 << 40;

const BODY_BYTES: usize = 17;
const KEY_LABEL: &[u8] = b"backroom ack v1";

/// Seals the ACKs of one receiver.
#[derive(Debug)]
pub struct AckSealer {
    stream: StreamId,
    receiver: u16,
    cipher: Aes256Gcm,
    counter: u64,
}

/// Opens the ACKs of one receiver, each at most once.
#[derive(Debug)]
pub struct AckOpener {
    stream: StreamId,
    receiver: u16,
    cipher: Aes256Gcm,
    /// The lowest counter that is accepted.
    min_counter: u64,
}

impl AckSealer {
    /// Creates the sealer of receiver number `receiver`. No other sealer may use the same key.
    pub fn new(stream: StreamId, receiver: u16, ack_key: &Key) -> Self {
        Self {
            stream,
            receiver,
            cipher: cipher(stream, receiver, ack_key),
            counter: 0,
        }
    }

    /// Returns the datagram of an ACK.
    pub fn seal(&mut self, ack: Ack) -> Result<[u8; ACK_BYTES], SealError> {
        let mut datagram = [0; ACK_BYTES];
        let counter = self.counter;
        if counter >= MAX_ACKS {
            return Err(SealError::KeyUsedUp);
        }
        self.counter += 1;
        let (header, rest) = datagram.split_at_mut(HEADER_BYTES);
        self.stream
            .write_header(Kind::Ack, self.receiver, counter, header);
        let (body, tag) = rest.split_at_mut(BODY_BYTES);
        body.copy_from_slice(&emit(ack));
        let sealed = self
            .cipher
            .encrypt_inout_detached(&nonce(counter), header, body.into())
            .map_err(|_| SealError::Length { bytes: ACK_BYTES })?;
        tag.copy_from_slice(&sealed);
        Ok(datagram)
    }
}

impl AckOpener {
    /// Creates the opener of the ACKs of receiver number `receiver`, with the key that the receiver chose.
    pub fn new(stream: StreamId, receiver: u16, ack_key: &Key) -> Self {
        Self {
            stream,
            receiver,
            cipher: cipher(stream, receiver, ack_key),
            min_counter: 0,
        }
    }

    /// Opens a datagram. A datagram that does not open changes nothing, even if it has a high counter.
    pub fn open(&mut self, datagram: &[u8]) -> Result<Ack, OpenError> {
        let mut datagram: [u8; ACK_BYTES] =
            datagram.try_into().map_err(|_| OpenError::Malformed)?;
        let (header, rest) = datagram.split_at_mut(HEADER_BYTES);
        let (receiver, counter) = self.stream.read_header(Kind::Ack, header)?;
        if receiver != self.receiver {
            return Err(OpenError::OtherStream);
        }
        if counter < self.min_counter {
            return Err(OpenError::Replayed);
        }
        let (body, tag) = rest.split_at_mut(BODY_BYTES);
        let tag = Tag::try_from(&*tag).map_err(|_| OpenError::Malformed)?;
        self.cipher
            .decrypt_inout_detached(&nonce(counter), header, (&mut *body).into(), &tag)
            .map_err(|_| OpenError::NotAuthentic)?;
        // Only after authentication: a forged counter must not block the receiver's ACKs.
        self.min_counter = counter.saturating_add(1);
        parse(body)
    }
}

/// Returns the receiver that a datagram claims to be from, so that its [`AckOpener`] can be tried. Returns `None` if the
/// datagram is not an ACK of `stream`.
pub fn ack_receiver(stream: StreamId, datagram: &[u8]) -> Option<u16> {
    let header = datagram.first_chunk::<HEADER_BYTES>()?;
    let (receiver, _) = stream.read_header(Kind::Ack, header).ok()?;
    Some(receiver)
}

fn cipher(stream: StreamId, receiver: u16, ack_key: &Key) -> Aes256Gcm {
    Aes256Gcm::new(receiver_key(stream, receiver, ack_key).as_bytes().into())
}

fn receiver_key(stream: StreamId, receiver: u16, ack_key: &Key) -> Key {
    stream.derive(ack_key, KEY_LABEL, &receiver.to_be_bytes())
}

fn emit(ack: Ack) -> [u8; BODY_BYTES] {
    let mut body = [0; BODY_BYTES];
    body[..8].copy_from_slice(&ack.cumulative.to_be_bytes());
    body[8..10].copy_from_slice(&ack.accepted_round.to_be_bytes());
    body[10] = u8::from(ack.gap_round.is_some());
    body[11..13].copy_from_slice(&ack.gap_round.unwrap_or(0).to_be_bytes());
    body[13..].copy_from_slice(&ack.free_segments.to_be_bytes());
    body
}

fn parse(mut body: &[u8]) -> Result<Ack, OpenError> {
    Ok(Ack {
        cumulative: u64::from_be_bytes(take(&mut body)?),
        accepted_round: u16::from_be_bytes(take(&mut body)?),
        gap_round: match (take(&mut body)?, u16::from_be_bytes(take(&mut body)?)) {
            ([0], 0) => None,
            ([1], round) => Some(round),
            _ => return Err(OpenError::Malformed),
        },
        free_segments: u32::from_be_bytes(take(&mut body)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::{bytes, unhex};
    use crate::transfer_id::TransferId;

    fn stream(transfer: u64, lane: u16) -> StreamId {
        StreamId {
            transfer: TransferId(transfer),
            lane,
        }
    }

    #[test]
    fn each_transfer_lane_and_receiver_has_its_own_key() {
        let ack_key = Key::from_bytes(bytes(96));
        let mut seen = vec![ack_key.clone(), Key::from_bytes([0; 32])];
        for (transfer, lane, receiver) in [(1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 1), (0, 0, 0)] {
            let key = receiver_key(stream(transfer, lane), receiver, &ack_key);
            assert!(!seen.contains(&key), "{transfer} {lane} {receiver}");
            seen.push(key);
        }
    }

    /// Computed with Python's hmac and cryptography.
    #[test]
    fn acks_match_another_implementation() {
        let stream = stream(0x0102_0304_0506_0708, 0x0304);
        let mut sealer = AckSealer::new(stream, 0x0708, &Key::from_bytes(bytes(96)));
        let gap = Ack {
            cumulative: 9,
            accepted_round: 8,
            gap_round: Some(7),
            free_segments: 65_535,
        };
        let none = Ack {
            cumulative: 10,
            accepted_round: 8,
            gap_round: None,
            free_segments: 0,
        };
        for (ack, expected) in [
            (
                gap,
                "020102030405060708030407080000000000000000af7cb7320cde4912fe74bef8f4cf1e9dd4fcc3d29010b88eb904f328db55\
                 3255ed",
            ),
            (
                none,
                "020102030405060708030407080000000000000001b56c19cc87c6d79299a981bbf5334ec03c47679a53286139bf6324d61cf7\
                 7830a9",
            ),
        ] {
            assert_eq!(sealer.seal(ack).unwrap()[..], unhex(expected));
        }
    }

    #[test]
    fn an_inconsistent_ack_is_rejected() {
        let ack = Ack {
            cumulative: 1,
            accepted_round: 0,
            gap_round: None,
            free_segments: 3,
        };
        let mut body = emit(ack);
        assert_eq!(parse(&body), Ok(ack));
        body[10] = 2;
        assert_eq!(parse(&body), Err(OpenError::Malformed), "a flag is 0 or 1");
        body[10..12].copy_from_slice(&[0, 1]);
        assert_eq!(
            parse(&body),
            Err(OpenError::Malformed),
            "no gap has no round"
        );
        assert_eq!(parse(&body[1..]), Err(OpenError::Malformed));
    }

    #[test]
    fn the_counter_has_a_hard_limit() {
        let mut sealer = AckSealer::new(stream(1, 1), 1, &Key::from_bytes(bytes(96)));
        sealer.counter = MAX_ACKS;
        let ack = Ack {
            cumulative: 1,
            accepted_round: 0,
            gap_round: None,
            free_segments: 3,
        };
        assert_eq!(sealer.seal(ack), Err(SealError::KeyUsedUp));
    }
}
