//! Answers to probes, which prove that a receiver gets what is sent to an address, and greetings, which tell the sender where the
//! receiver is. Each receiver seals them with a key of its own.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Tag};

use super::error::{OpenError, SealError};
use super::stream::{Kind, PREFIX_BYTES, StreamId, take};
use crate::key::Key;
use crate::record::{TAG_BYTES, nonce};

/// The size of a greeting or an answer.
pub const ANSWER_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// Kind, transfer, lane, receiver, number.
const HEADER_BYTES: usize = PREFIX_BYTES + 6;
const KEY_LABEL: &[u8] = b"backroom answer v1";

/// The number that marks a greeting. No probe has it.
const GREETING: u32 = u32::MAX;

/// What a receiver says about its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// "I am here." Sent without being asked, so anyone may have recorded it and sent it from elsewhere.
    Greeting,
    /// The number of the probe that arrived.
    Probe(u32),
}

/// Seals and opens the greetings and answers of one receiver. A datagram depends on nothing but the answer: sealing an answer twice
/// gives the same bytes.
#[derive(Debug)]
pub struct AnswerCipher {
    stream: StreamId,
    receiver: u16,
    cipher: Aes256Gcm,
}

impl AnswerCipher {
    /// Creates the cipher of receiver number `receiver`, from the key that its ACKs are sealed with.
    pub fn new(stream: StreamId, receiver: u16, ack_key: &Key) -> Self {
        let key = stream.derive(ack_key, KEY_LABEL, &receiver.to_be_bytes());
        Self {
            stream,
            receiver,
            cipher: Aes256Gcm::new(key.as_bytes().into()),
        }
    }

    /// Returns the datagram of an answer.
    ///
    /// # Errors
    /// [`SealError::Length`] if the cipher fails.
    pub fn seal(&self, answer: Answer) -> Result<[u8; ANSWER_BYTES], SealError> {
        let number = match answer {
            Answer::Greeting => GREETING,
            Answer::Probe(number) => number,
        };
        let mut datagram = [0; ANSWER_BYTES];
        let (header, tag) = datagram.split_at_mut(HEADER_BYTES);
        let rest = self.stream.write_prefix(Kind::Answer, header);
        rest[..2].copy_from_slice(&self.receiver.to_be_bytes());
        rest[2..].copy_from_slice(&number.to_be_bytes());
        let sealed = self
            .cipher
            .encrypt_inout_detached(&nonce(number.into()), header, (&mut [][..]).into())
            .map_err(|_| SealError::Length {
                bytes: ANSWER_BYTES,
            })?;
        tag.copy_from_slice(&sealed);
        Ok(datagram)
    }

    /// Opens a datagram.
    ///
    /// # Errors
    /// [`OpenError`] if it is no answer of this receiver.
    pub fn open(&self, datagram: &[u8]) -> Result<Answer, OpenError> {
        let (header, tag) = datagram
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(OpenError::Malformed)?;
        let tag = Tag::try_from(tag).map_err(|_| OpenError::Malformed)?;
        let mut rest = self.stream.read_prefix(Kind::Answer, header)?;
        if u16::from_be_bytes(take(&mut rest)?) != self.receiver {
            return Err(OpenError::OtherStream);
        }
        let number = u32::from_be_bytes(take(&mut rest)?);
        self.cipher
            .decrypt_inout_detached(&nonce(number.into()), header, (&mut [][..]).into(), &tag)
            .map_err(|_| OpenError::NotAuthentic)?;
        Ok(match number {
            GREETING => Answer::Greeting,
            number => Answer::Probe(number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::{bytes, unhex};
    use crate::transfer_id::TransferId;

    const STREAM: StreamId = StreamId {
        transfer: TransferId(0x0102_0304_0506_0708),
        lane: 3,
    };

    #[test]
    fn answers_open_with_the_right_key_only_and_unchanged_only() {
        let key = Key::from_bytes(bytes(64));
        let cipher = AnswerCipher::new(STREAM, 2, &key);
        for answer in [
            Answer::Greeting,
            Answer::Probe(0),
            Answer::Probe(u32::MAX - 1),
        ] {
            let sealed = cipher.seal(answer).unwrap();
            assert_eq!(cipher.open(&sealed), Ok(answer));
            for index in 0..ANSWER_BYTES {
                let mut changed = sealed;
                changed[index] ^= 1;
                assert!(cipher.open(&changed).is_err(), "{index}");
            }
            assert_eq!(cipher.open(&sealed[1..]), Err(OpenError::Malformed));
            let other_key = AnswerCipher::new(STREAM, 2, &Key::from_bytes(bytes(65)));
            assert_eq!(other_key.open(&sealed), Err(OpenError::NotAuthentic));
            let other_receiver = AnswerCipher::new(STREAM, 1, &key);
            assert_eq!(other_receiver.open(&sealed), Err(OpenError::OtherStream));
        }
        assert_eq!(cipher.open(&[]), Err(OpenError::Malformed));
    }

    /// Computed with Python's hmac and cryptography.
    #[test]
    fn answers_match_another_implementation() {
        let cipher = AnswerCipher::new(STREAM, 2, &Key::from_bytes(bytes(64)));
        for (answer, expected) in [
            (
                Answer::Probe(7),
                "04010203040506070800030002000000070cf7824c18b24c266d6837dd156d6af2",
            ),
            (
                Answer::Greeting,
                "04010203040506070800030002ffffffff7003756521d892a4b23b2f87625e5f5b",
            ),
        ] {
            assert_eq!(cipher.seal(answer).unwrap()[..], unhex(expected));
        }
    }
}
