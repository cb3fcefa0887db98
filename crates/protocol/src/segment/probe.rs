//! Probes, which test whether a receiver gets the datagrams of a group. They are sealed like segments, so that only the
//! sender can send them.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Tag};

use super::error::{OpenError, SealError};
use super::stream::{Kind, PREFIX_BYTES, StreamId};
use crate::key::Key;
use crate::record::{TAG_BYTES, nonce};

/// The size of a probe datagram.
pub const PROBE_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// Kind, transfer, lane, number.
const HEADER_BYTES: usize = PREFIX_BYTES + 4;
const KEY_LABEL: &[u8] = b"backroom probe v1";

/// Seals the probes of a stream, with increasing numbers.
#[derive(Debug)]
pub struct ProbeSealer {
    stream: StreamId,
    cipher: Aes256Gcm,
    number: u32,
}

/// Opens the probes of a stream, each at most once.
#[derive(Debug)]
pub struct ProbeOpener {
    stream: StreamId,
    cipher: Aes256Gcm,
    /// The lowest number that is accepted.
    min_number: u64,
}

impl ProbeSealer {
    /// Creates the sealer of a stream. No other sealer may use the same key for probes.
    pub fn new(stream: StreamId, stream_key: &Key) -> Self {
        Self {
            stream,
            cipher: cipher(stream, stream_key),
            number: 0,
        }
    }

    /// The number of the next probe.
    pub fn next_number(&self) -> u32 {
        self.number
    }

    /// Returns the datagram of the next probe.
    pub fn seal(&mut self) -> Result<[u8; PROBE_BYTES], SealError> {
        let number = self.number;
        self.number = number.checked_add(1).ok_or(SealError::KeyUsedUp)?;
        let mut datagram = [0; PROBE_BYTES];
        let (header, tag) = datagram.split_at_mut(HEADER_BYTES);
        self.stream
            .write_prefix(Kind::Probe, header)
            .copy_from_slice(&number.to_be_bytes());
        let sealed = self
            .cipher
            .encrypt_inout_detached(&nonce(number.into()), header, (&mut [][..]).into())
            .map_err(|_| SealError::Length { bytes: PROBE_BYTES })?;
        tag.copy_from_slice(&sealed);
        Ok(datagram)
    }
}

impl ProbeOpener {
    /// Creates the opener of a stream.
    pub fn new(stream: StreamId, stream_key: &Key) -> Self {
        Self {
            stream,
            cipher: cipher(stream, stream_key),
            min_number: 0,
        }
    }

    /// Opens a datagram and returns the probe's number. A datagram that does not open changes nothing, even if it has a high
    /// number.
    pub fn open(&mut self, datagram: &[u8]) -> Result<u32, OpenError> {
        let (header, tag) = datagram
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(OpenError::Malformed)?;
        let tag = Tag::try_from(tag).map_err(|_| OpenError::Malformed)?;
        let number = self.stream.read_prefix(Kind::Probe, header)?;
        let number = number.try_into().map_err(|_| OpenError::Malformed)?;
        let number = u32::from_be_bytes(number);
        if u64::from(number) < self.min_number {
            return Err(OpenError::Replayed);
        }
        self.cipher
            .decrypt_inout_detached(&nonce(number.into()), header, (&mut [][..]).into(), &tag)
            .map_err(|_| OpenError::NotAuthentic)?;
        // Only after authentication: a forged number must not block the sender's probes.
        self.min_number = u64::from(number) + 1;
        Ok(number)
    }
}

fn cipher(stream: StreamId, stream_key: &Key) -> Aes256Gcm {
    Aes256Gcm::new(stream.derive(stream_key, KEY_LABEL, &[]).as_bytes().into())
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
    fn a_probe_opens_once_in_order_with_the_right_key() {
        let key = Key::from_bytes(bytes(64));
        let mut sealer = ProbeSealer::new(stream(1, 0), &key);
        let (first, second) = (sealer.seal().unwrap(), sealer.seal().unwrap());
        let mut opener = ProbeOpener::new(stream(1, 0), &key);
        assert_eq!(opener.open(&second), Ok(1));
        assert_eq!(opener.open(&second), Err(OpenError::Replayed));
        assert_eq!(opener.open(&first), Err(OpenError::Replayed));

        let mut other_key = ProbeOpener::new(stream(1, 0), &Key::from_bytes(bytes(65)));
        assert_eq!(other_key.open(&first), Err(OpenError::NotAuthentic));
        let mut other_stream = ProbeOpener::new(stream(2, 0), &key);
        assert_eq!(other_stream.open(&first), Err(OpenError::OtherStream));
    }

    #[test]
    fn a_modified_probe_fails_and_changes_nothing() {
        let key = Key::from_bytes(bytes(64));
        let probe = ProbeSealer::new(stream(1, 0), &key).seal().unwrap();
        let mut opener = ProbeOpener::new(stream(1, 0), &key);
        for index in 0..PROBE_BYTES {
            let mut changed = probe;
            changed[index] ^= 1;
            assert!(opener.open(&changed).is_err(), "{index}");
        }
        assert_eq!(opener.open(&probe[1..]), Err(OpenError::Malformed));
        assert_eq!(opener.open(&[]), Err(OpenError::Malformed));
        assert_eq!(opener.open(&probe), Ok(0));
    }

    /// Computed with Python's hmac and cryptography.
    #[test]
    fn probes_match_another_implementation() {
        let stream = stream(0x0102_0304_0506_0708, 0);
        let mut sealer = ProbeSealer::new(stream, &Key::from_bytes(bytes(64)));
        for expected in [
            "030102030405060708000000000000c74447fba7f91acbe0facb2868b2a49b",
            "030102030405060708000000000001bd96e2e794cff61d590c246defe0a0cf",
        ] {
            assert_eq!(sealer.seal().unwrap()[..], unhex(expected));
        }
    }
}
