//! Probes: does a receiver hear what is sent to a group? Sealed like segments, so that nobody else can ask.

use std::fmt;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Tag};

use super::{Kind, OpenError, SealError, StreamId};
use crate::key::Key;
use crate::record::{TAG_BYTES, nonce};

/// The size of a probe's datagram.
pub const PROBE_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// Kind, transfer, lane, number.
const HEADER_BYTES: usize = LANE_END + 4;
const LANE_END: usize = 11;
const KEY_LABEL: &[u8] = b"backroom probe v1";

/// Seals a stream's probes, each with a higher number than the one before.
pub struct ProbeSealer {
    stream: StreamId,
    cipher: Aes256Gcm,
    number: u32,
}

/// Opens a stream's probes, each at most once.
pub struct ProbeOpener {
    stream: StreamId,
    cipher: Aes256Gcm,
    /// The least number that is new.
    least_number: u64,
}

impl ProbeSealer {
    /// For the sender of `stream`; nobody else may seal with this key.
    pub fn new(stream: StreamId, stream_key: &Key) -> Self {
        Self {
            stream,
            cipher: cipher(stream, stream_key),
            number: 0,
        }
    }

    /// The datagram of the next probe.
    pub fn seal(&mut self) -> Result<[u8; PROBE_BYTES], SealError> {
        let number = self.number;
        self.number = number.checked_add(1).ok_or(SealError::KeyUsedUp)?;
        let mut datagram = [0; PROBE_BYTES];
        let (header, tag) = datagram.split_at_mut(HEADER_BYTES);
        self.stream.write_prefix(Kind::Probe, header);
        header[LANE_END..].copy_from_slice(&number.to_be_bytes());
        let sealed = self
            .cipher
            .encrypt_inout_detached(&nonce(number.into()), header, (&mut [][..]).into())
            .map_err(|_| SealError::Length { bytes: PROBE_BYTES })?;
        tag.copy_from_slice(&sealed);
        Ok(datagram)
    }
}

impl ProbeOpener {
    /// For a receiver of `stream`.
    pub fn new(stream: StreamId, stream_key: &Key) -> Self {
        Self {
            stream,
            cipher: cipher(stream, stream_key),
            least_number: 0,
        }
    }

    /// Opens a datagram. One that fails changes nothing, whatever number it claims.
    pub fn open(&mut self, datagram: &[u8]) -> Result<(), OpenError> {
        let (header, tag) = datagram
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(OpenError::Malformed)?;
        let tag = Tag::try_from(tag).map_err(|_| OpenError::Malformed)?;
        let number = self.stream.read_prefix(Kind::Probe, header)?;
        let number = number.try_into().map_err(|_| OpenError::Malformed)?;
        let number = u64::from(u32::from_be_bytes(number));
        if number < self.least_number {
            return Err(OpenError::Replayed);
        }
        self.cipher
            .decrypt_inout_detached(&nonce(number), header, (&mut [][..]).into(), &tag)
            .map_err(|_| OpenError::NotAuthentic)?;
        self.least_number = number + 1;
        Ok(())
    }
}

fn cipher(stream: StreamId, stream_key: &Key) -> Aes256Gcm {
    let StreamId { transfer, lane } = stream;
    let key = stream_key.derive(&[KEY_LABEL, &transfer.0.to_be_bytes(), &lane.to_be_bytes()]);
    Aes256Gcm::new(key.as_bytes().into())
}

impl fmt::Debug for ProbeSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeSealer")
            .field("stream", &self.stream)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ProbeOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeOpener")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::TransferId;
    use crate::key::tests::{bytes, unhex};

    fn stream(transfer: u64, lane: u16) -> StreamId {
        StreamId {
            transfer: TransferId(transfer),
            lane,
        }
    }

    #[test]
    fn a_probe_opens_once_and_in_order_at_those_who_have_the_key() {
        let key = Key::from_bytes(bytes(64));
        let mut sealer = ProbeSealer::new(stream(1, 0), &key);
        let (first, second) = (sealer.seal().unwrap(), sealer.seal().unwrap());
        let mut opener = ProbeOpener::new(stream(1, 0), &key);
        assert_eq!(opener.open(&second), Ok(()));
        assert_eq!(opener.open(&second), Err(OpenError::Replayed));
        assert_eq!(opener.open(&first), Err(OpenError::Replayed));

        let mut other_key = ProbeOpener::new(stream(1, 0), &Key::from_bytes(bytes(65)));
        assert_eq!(other_key.open(&first), Err(OpenError::NotAuthentic));
        let mut other_stream = ProbeOpener::new(stream(2, 0), &key);
        assert_eq!(other_stream.open(&first), Err(OpenError::OtherStream));
    }

    #[test]
    fn any_changed_byte_is_noticed_and_changes_nothing() {
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
        assert_eq!(opener.open(&probe), Ok(()));
    }

    /// Computed with Python's hmac and cryptography.
    #[test]
    fn probes_are_what_another_implementation_seals() {
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
