//! The encrypted frames of a joined connection: AES-256-GCM, a key per direction, the nonce a counter.
//!
//! A frame is a 4-byte big-endian length, then as many bytes of ciphertext and tag. Reader and writer count frames, so
//! one that is changed, left out, repeated or moved does not open; after the first failure nothing opens any more.

use std::fmt;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Tag};

use crate::key::Key;

/// The most plaintext in one record.
pub const MAX_RECORD_BYTES: usize = 512 * 1024;

/// The length in front of a record.
pub const RECORD_HEADER_BYTES: usize = 4;

/// An AES-GCM tag.
pub const TAG_BYTES: usize = 16;

/// Records under one key. At the largest size that is 2^47 blocks, where AES-GCM's margin is still 2^-35.
pub const MAX_RECORDS: u64 = 1 << 32;

/// Why a record can't be sealed or opened. Each is the end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// More plaintext than [`MAX_RECORD_BYTES`], or a length that announces it, or one too short for a tag.
    #[error("a record of {bytes} bytes is not between {TAG_BYTES} and {}", MAX_RECORD_BYTES + TAG_BYTES)]
    BadLength {
        /// Ciphertext and tag.
        bytes: usize,
    },
    /// Changed, repeated, left out or moved on its way, or sealed with another key.
    #[error("a record is not authentic: someone changed the connection's data")]
    NotAuthentic,
    /// [`MAX_RECORDS`] are used up.
    #[error("the connection's key is used up; join again")]
    KeyUsedUp,
}

/// The writing end of one direction.
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

/// The reading end of one direction.
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

    /// How many bytes follow a header. To be asked before anything is read or allocated for them.
    pub fn body_length(header: [u8; RECORD_HEADER_BYTES]) -> Result<usize, RecordError> {
        let bytes = u32::from_be_bytes(header) as usize;
        if !(TAG_BYTES..=MAX_RECORD_BYTES + TAG_BYTES).contains(&bytes) {
            return Err(RecordError::BadLength { bytes });
        }
        Ok(bytes)
    }

    /// Opens a record's body (ciphertext and tag) in place and returns the plaintext.
    pub fn open<'a>(&mut self, body: &'a mut [u8]) -> Result<&'a mut [u8], RecordError> {
        if self.failed {
            return Err(RecordError::NotAuthentic);
        }
        let opened = self.try_open(body);
        self.failed = opened.is_err();
        opened
    }

    fn try_open<'a>(&mut self, body: &'a mut [u8]) -> Result<&'a mut [u8], RecordError> {
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
        Ok(message)
    }
}

/// A 96-bit nonce from a counter: four zero bytes, then the counter in big endian.
pub(crate) fn nonce(counter: u64) -> aes_gcm::Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    nonce.into()
}

/// `bytes` has been checked to fit: a record is shorter than a mebibyte.
fn header(bytes: usize) -> [u8; RECORD_HEADER_BYTES] {
    (bytes as u32).to_be_bytes()
}

impl fmt::Debug for RecordSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordSealer")
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RecordOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordOpener")
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}
