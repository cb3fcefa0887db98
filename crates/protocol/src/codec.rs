//! Encoding and decoding of messages: `postcard` with bounded sizes and without trailing bytes.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::record::MAX_RECORD_BYTES;

/// The received bytes are not a message of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message exceeds the size limit. It was not parsed.
    #[error("message of {bytes} bytes exceeds the limit of {max}")]
    TooLong {
        /// The received size.
        bytes: usize,
        /// The largest size allowed.
        max: usize,
    },
    /// The bytes do not form a message, or a field is out of range.
    #[error("malformed message; check that both sides run the same version")]
    Malformed,
    /// The message is followed by this many bytes.
    #[error("message followed by {0} unexpected bytes")]
    TrailingBytes(usize),
}

/// A message cannot be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The message does not fit into a record.
    #[error("message of {bytes} bytes exceeds the limit of {MAX_RECORD_BYTES} in a record")]
    TooLong {
        /// The encoded size.
        bytes: usize,
    },
    /// `postcard` or the cipher refused the message.
    #[error("message cannot be encoded")]
    Unencodable,
}

pub(crate) fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, EncodeError> {
    let bytes = postcard::to_stdvec(message).map_err(|_| EncodeError::Unencodable)?;
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(EncodeError::TooLong { bytes: bytes.len() });
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

/// `serialize_with` for byte strings. By default serde serialises a `Vec<u8>` byte by byte.
pub(crate) fn serialize_bytes<S: Serializer>(
    bytes: &[u8],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// `deserialize_with` for byte strings of at most `MAX` bytes. Checks the length before it allocates.
pub(crate) fn bounded_bytes<'de, const MAX: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<u8>, D::Error> {
    let bytes = <&[u8]>::deserialize(deserializer)?;
    if bytes.len() > MAX {
        return Err(D::Error::invalid_length(bytes.len(), &"fewer bytes"));
    }
    Ok(bytes.to_vec())
}

/// `deserialize_with` for lists of at most `MAX` items.
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
            // Announcing a large count costs an attacker three bytes, so nothing is allocated in advance.
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
