//! Records: the encrypted frames of a connection after the handshake. AES-256-GCM with one key per direction; the nonce is a
//! counter.
//!
//! A frame is a 4-byte big-endian length followed by that many bytes of ciphertext and tag. Both sides count frames, so a
//! frame that was modified, dropped, repeated or reordered does not open. After the first failure no frame opens.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Tag};

use crate::key::Key;

/// The largest plaintext of a record.
pub const MAX_RECORD_BYTES: usize = 512 * 1024;

/// The size of the length field in front of a record.
pub const RECORD_HEADER_BYTES: usize = 4;

/// The size of an AES-GCM tag.
pub const TAG_BYTES: usize = 16;

/// The maximum number of records under one key. With records of the largest size that is 2^47 blocks, which bounds an
/// attacker's advantage against AES-GCM by 2^-35.
pub const MAX_RECORDS: u64 = 1 << 32;

/// A record cannot be sealed or opened. Each of these errors ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The plaintext exceeds [`MAX_RECORD_BYTES`], or the received length is too large or too small.
    #[error("invalid record length {bytes}: expected {TAG_BYTES} to {}", MAX_RECORD_BYTES + TAG_BYTES)]
    BadLength {
        /// The length of ciphertext and tag.
        bytes: usize,
    },
    /// The record was modified, dropped, repeated or reordered in transit, or sealed with another key.
    #[error("a record failed authentication: the connection's data was modified")]
    NotAuthentic,
    /// [`MAX_RECORDS`] records were sealed or opened.
    #[error("the connection has reached its record limit; join again")]
    KeyUsedUp,
}

/// Seals the records of one direction.
#[derive(Debug)]
pub struct RecordSealer {
    cipher: Aes256Gcm,
    counter: u64,
}

impl RecordSealer {
    pub(crate) fn new(key: &Key) -> Self {
        Self {
            cipher: Aes256Gcm::new(key.as_bytes().into()),
            counter: 0,
        }
    }

    /// Appends the record of `plaintext` to `frames`: header, ciphertext, tag.
    pub fn seal(&mut self, plaintext: &[u8], frames: &mut Vec<u8>) -> Result<(), RecordError> {
        let bytes = plaintext.len() + TAG_BYTES;
        if plaintext.len() > MAX_RECORD_BYTES {
            return Err(RecordError::BadLength { bytes });
        }
        if self.counter >= MAX_RECORDS {
            return Err(RecordError::KeyUsedUp);
        }
        // The header is the associated data, so a modified length fails authentication.
        let header = header(bytes);
        frames.reserve(RECORD_HEADER_BYTES + bytes);
        frames.extend_from_slice(&header);
        let start = frames.len();
        frames.extend_from_slice(plaintext);
        let tag = self
            .cipher
            .encrypt_inout_detached(
                &nonce(self.counter),
                &header,
                frames[start..].as_mut().into(),
            )
            .map_err(|_| RecordError::BadLength { bytes })?;
        frames.extend_from_slice(&tag);
        self.counter += 1;
        Ok(())
    }
}

/// Opens the records of one direction.
#[derive(Debug)]
pub struct RecordOpener {
    cipher: Aes256Gcm,
    counter: u64,
    failed: bool,
}

impl RecordOpener {
    pub(crate) fn new(key: &Key) -> Self {
        Self {
            cipher: Aes256Gcm::new(key.as_bytes().into()),
            counter: 0,
            failed: false,
        }
    }

    /// Returns the number of bytes that follow a header. Call this before reading or allocating them.
    pub fn body_length(header: [u8; RECORD_HEADER_BYTES]) -> Result<usize, RecordError> {
        let bytes = u32::from_be_bytes(header) as usize;
        if !(TAG_BYTES..=MAX_RECORD_BYTES + TAG_BYTES).contains(&bytes) {
            return Err(RecordError::BadLength { bytes });
        }
        Ok(bytes)
    }

    /// Opens a record's body (ciphertext and tag) in place and returns the plaintext.
    pub fn open<'a>(&mut self, body: &'a mut [u8]) -> Result<&'a mut [u8], RecordError> {
        // Any return before the end leaves this set.
        if std::mem::replace(&mut self.failed, true) {
            return Err(RecordError::NotAuthentic);
        }
        let bytes = body.len();
        if !(TAG_BYTES..=MAX_RECORD_BYTES + TAG_BYTES).contains(&bytes) {
            return Err(RecordError::BadLength { bytes });
        }
        if self.counter >= MAX_RECORDS {
            return Err(RecordError::KeyUsedUp);
        }
        let (message, tag) = body.split_at_mut(bytes - TAG_BYTES);
        let tag = Tag::try_from(&*tag).map_err(|_| RecordError::NotAuthentic)?;
        self.cipher
            .decrypt_inout_detached(
                &nonce(self.counter),
                &header(bytes),
                (&mut *message).into(),
                &tag,
            )
            .map_err(|_| RecordError::NotAuthentic)?;
        self.counter += 1;
        self.failed = false;
        Ok(message)
    }
}

/// A 96-bit nonce from a counter: four zero bytes, then the counter in big endian. Each direction has its own key, so
/// counters of both directions may be equal.
pub(crate) fn nonce(counter: u64) -> aes_gcm::Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    nonce.into()
}

/// `bytes` has been checked to fit: a record is shorter than a mebibyte.
fn header(bytes: usize) -> [u8; RECORD_HEADER_BYTES] {
    (bytes as u32).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::tests::{bytes, unhex};

    fn pair() -> (RecordSealer, RecordOpener) {
        let key = Key::from_bytes(bytes(0));
        (RecordSealer::new(&key), RecordOpener::new(&key))
    }

    fn sealed(sealer: &mut RecordSealer, plaintext: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        sealer.seal(plaintext, &mut frame).unwrap();
        frame
    }

    /// Opens a frame as a connection does: header first, then the body.
    fn open(opener: &mut RecordOpener, frame: &[u8]) -> Result<Vec<u8>, RecordError> {
        let (header, body) = frame.split_first_chunk().unwrap();
        let length = RecordOpener::body_length(*header)?;
        let mut body = body.to_vec();
        body.resize(length, 0);
        opener.open(&mut body).map(|plaintext| plaintext.to_vec())
    }

    /// Computed with Python's cryptography.
    #[test]
    fn records_match_another_implementation() {
        let (mut sealer, _) = pair();
        let mut frames = sealed(&mut sealer, b"hello");
        sealer.seal(b"", &mut frames).unwrap();
        let expected = "0000001566d9d9b2dab2f5262d8e43e11bff6ae28d7da1687a00000010cd6e899465485da66194bde7caac5efc";
        assert_eq!(frames, unhex(expected));
    }

    #[test]
    fn every_bit_flip_fails() {
        let (mut sealer, _) = pair();
        let frame = sealed(&mut sealer, b"not to be changed");
        for bit in 0..8 * frame.len() {
            let mut changed = frame.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let (_, mut opener) = pair();
            assert!(open(&mut opener, &changed).is_err(), "bit {bit}");
        }
        assert_eq!(open(&mut pair().1, &frame).unwrap(), b"not to be changed");
    }

    #[test]
    fn repeated_dropped_or_reordered_records_do_not_open() {
        let (mut sealer, mut opener) = pair();
        let frames: Vec<_> = (0..3).map(|i| sealed(&mut sealer, &[i])).collect();
        assert_eq!(
            open(&mut opener, &frames[1]),
            Err(RecordError::NotAuthentic),
            "the first was left out"
        );
        let (_, mut opener) = pair();
        open(&mut opener, &frames[0]).unwrap();
        assert_eq!(
            open(&mut opener, &frames[0]),
            Err(RecordError::NotAuthentic),
            "the first again"
        );
        let (_, mut opener) = pair();
        open(&mut opener, &frames[0]).unwrap();
        assert_eq!(
            open(&mut opener, &frames[2]),
            Err(RecordError::NotAuthentic),
            "the third for the second"
        );
    }

    #[test]
    fn nothing_opens_after_a_failure() {
        let (mut sealer, mut opener) = pair();
        let frame = sealed(&mut sealer, b"authentic");
        assert!(open(&mut opener, &[&frame[..4], &[0; 25]].concat()).is_err());
        assert_eq!(open(&mut opener, &frame), Err(RecordError::NotAuthentic));
    }

    #[test]
    fn the_key_of_the_other_direction_does_not_open() {
        let (mut sealer, _) = pair();
        let mut opener = RecordOpener::new(&Key::from_bytes(bytes(1)));
        assert_eq!(
            open(&mut opener, &sealed(&mut sealer, b"x")),
            Err(RecordError::NotAuthentic)
        );
    }

    #[test]
    fn a_record_with_a_changed_length_does_not_open() {
        let (mut sealer, _) = pair();
        let frame = sealed(&mut sealer, b"of this length");
        for length in [frame.len() - 5, frame.len() - 3] {
            let relabelled = [&(length as u32).to_be_bytes(), &frame[4..]].concat();
            assert_eq!(
                open(&mut pair().1, &relabelled),
                Err(RecordError::NotAuthentic)
            );
        }
    }

    #[test]
    fn invalid_lengths_are_rejected_before_reading() {
        for bytes in [0, 15, MAX_RECORD_BYTES + 17, u32::MAX as usize] {
            let refused = Err(RecordError::BadLength { bytes });
            assert_eq!(
                RecordOpener::body_length((bytes as u32).to_be_bytes()),
                refused
            );
        }
        assert_eq!(RecordOpener::body_length([0, 0, 0, 16]), Ok(16));
        let (mut sealer, mut opener) = pair();
        let bytes = MAX_RECORD_BYTES + 17;
        assert_eq!(
            sealer.seal(&vec![0; bytes - 16], &mut Vec::new()),
            Err(RecordError::BadLength { bytes })
        );
        assert_eq!(
            opener.open(&mut [0; 15]),
            Err(RecordError::BadLength { bytes: 15 })
        );
        let largest = vec![7; MAX_RECORD_BYTES];
        assert_eq!(
            open(&mut pair().1, &sealed(&mut sealer, &largest)).unwrap(),
            largest
        );
    }

    #[test]
    fn the_counter_has_a_hard_limit_on_both_sides() {
        let (mut sealer, mut opener) = pair();
        (sealer.counter, opener.counter) = (MAX_RECORDS - 1, MAX_RECORDS - 1);
        let last = sealed(&mut sealer, b"the last");
        assert_eq!(open(&mut opener, &last).unwrap(), b"the last");
        assert_eq!(
            sealer.seal(b"one more", &mut Vec::new()),
            Err(RecordError::KeyUsedUp)
        );
        assert_eq!(opener.open(&mut [0; 20]), Err(RecordError::KeyUsedUp));
    }

    proptest! {
        #[test]
        fn any_sequence_of_messages_round_trips(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        ) {
            let (mut sealer, mut opener) = pair();
            for message in messages {
                prop_assert_eq!(open(&mut opener, &sealed(&mut sealer, &message)).unwrap(), message);
            }
        }

        #[test]
        fn arbitrary_bytes_never_open_and_never_panic(mut body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(pair().1.open(&mut body).is_err());
        }
    }
}
