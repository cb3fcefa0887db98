//! Messages to bytes and back: `postcard` with every size bounded and nothing left over.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::record::MAX_RECORD_BYTES;

/// What was received is not a message of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than a message may have.
    #[error("a message of {bytes} bytes is longer than the {max} allowed")]
    TooLong {
        /// How long it was.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// The bytes form no message, or one whose fields are out of bounds.
    #[error("a message could not be understood; is the other side of the same version?")]
    Malformed,
    /// A message, and then more.
    #[error("a message was followed by {0} bytes that belong to nothing")]
    TrailingBytes(usize),
}

/// A message is too long to be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// More bytes than fit into a record.
    #[error("a message of {bytes} bytes is longer than the {max} that fit into a record")]
    TooLong {
        /// How long it would be.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// The message can't be written down at all.
    #[error("a message can't be encoded")]
    Unencodable,
}

pub(crate) fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, EncodeError> {
    let bytes = postcard::to_stdvec(message).map_err(|_| EncodeError::Unencodable)?;
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(EncodeError::TooLong {
            bytes: bytes.len(),
            max: MAX_RECORD_BYTES,
        });
    }
    Ok(bytes)
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, DecodeError> {
    if bytes.len() > max {
        return Err(DecodeError::TooLong {
            bytes: bytes.len(),
            max,
        });
    }
    let (message, rest) = postcard::take_from_bytes(bytes).map_err(|_| DecodeError::Malformed)?;
    if !rest.is_empty() {
        return Err(DecodeError::TrailingBytes(rest.len()));
    }
    Ok(message)
}

/// `serialize_with` for byte strings: postcard writes them in one piece instead of byte by byte.
pub(crate) fn serialize_bytes<S: Serializer>(
    bytes: &[u8],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// `deserialize_with` for byte strings of at most `MAX` bytes; the length is checked before anything is allocated.
pub(crate) fn bounded_bytes<'de, const MAX: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<u8>, D::Error> {
    struct Bytes<const MAX: usize>;

    impl<const MAX: usize> Visitor<'_> for Bytes<MAX> {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX} bytes")
        }

        fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            if bytes.len() > MAX {
                return Err(E::invalid_length(bytes.len(), &self));
            }
            Ok(bytes.to_vec())
        }
    }

    deserializer.deserialize_bytes(Bytes::<MAX>)
}

/// `deserialize_with` for lists of at most `MAX` items; the count is checked before anything is allocated.
pub(crate) fn bounded_list<'de, const MAX: usize, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct List<T, const MAX: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX} items")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            // The announced count costs the sender three bytes: allocate as items really arrive.
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                if list.len() == MAX {
                    return Err(A::Error::invalid_length(MAX + 1, &self));
                }
                list.push(item);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(List::<T, MAX>(PhantomData))
}
