//! Extensions: numbered fields that a later version may add to a message without breaking an earlier one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codec::{bounded_bytes, bounded_list, serialize_bytes};

/// The most extensions of one message.
pub const MAX_EXTENSIONS: usize = 16;

/// The longest value of an extension.
pub const MAX_EXTENSION_BYTES: usize = 256;

/// The extensions of a message, in ascending order of their numbers. A receiver ignores the numbers that it does not know.
/// Parsing rejects lists that are too long or not in order, so each number occurs at most once.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Extensions(Vec<Extension>);

/// One numbered field.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Extension {
    number: u16,
    #[serde(
        serialize_with = "serialize_bytes",
        deserialize_with = "bounded_bytes::<MAX_EXTENSION_BYTES, _>"
    )]
    value: Vec<u8>,
}

/// A list of extensions whose order is not checked yet.
#[derive(Deserialize)]
struct Unchecked(
    #[serde(deserialize_with = "bounded_list::<MAX_EXTENSIONS, _, _>")] Vec<Extension>,
);

/// A list of extensions is too long, has too long a value, or is not in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a message can have at most {MAX_EXTENSIONS} extensions of at most {MAX_EXTENSION_BYTES} bytes, in ascending order"
)]
pub struct BadExtensions;

impl Extensions {
    /// No extensions.
    pub const NONE: Self = Self(Vec::new());

    /// Extensions with these numbers and values, in ascending order of the numbers.
    ///
    /// # Errors
    /// [`BadExtensions`] if they exceed a limit or are not in order.
    pub fn new(values: impl IntoIterator<Item = (u16, Vec<u8>)>) -> Result<Self, BadExtensions> {
        let values = values.into_iter().take(MAX_EXTENSIONS + 1);
        let extensions = values.map(|(number, value)| Extension { number, value });
        Unchecked(extensions.collect()).try_into()
    }

    /// The value of the extension with this number.
    pub fn get(&self, number: u16) -> Option<&[u8]> {
        let found = self.0.iter().find(|extension| extension.number == number)?;
        Some(&found.value)
    }
}

/// Only the numbers: a value may be a key.
impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.0.iter().map(|extension| extension.number);
        f.debug_set().entries(numbers).finish()
    }
}

impl TryFrom<Unchecked> for Extensions {
    type Error = BadExtensions;

    fn try_from(Unchecked(extensions): Unchecked) -> Result<Self, BadExtensions> {
        let in_order = extensions.is_sorted_by(|a, b| a.number < b.number);
        let too_long = |extension: &Extension| extension.value.len() > MAX_EXTENSION_BYTES;
        if !in_order || extensions.len() > MAX_EXTENSIONS || extensions.iter().any(too_long) {
            return Err(BadExtensions);
        }
        Ok(Self(extensions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    fn numbered(numbers: &[u16]) -> Vec<(u16, Vec<u8>)> {
        let one = |number: &u16| (*number, vec![*number as u8; 3]);
        numbers.iter().map(one).collect()
    }

    #[test]
    fn extensions_round_trip_and_are_found_by_number() {
        let extensions = Extensions::new(numbered(&[1, 7, 40_000])).unwrap();
        let encoded = encode(&extensions).unwrap();
        assert_eq!(decode::<Extensions>(&encoded, 100), Ok(extensions.clone()));
        assert_eq!(extensions.get(7), Some(&[7, 7, 7][..]));
        assert_eq!(extensions.get(2), None);
        assert_eq!(encode(&Extensions::NONE).unwrap(), [0]);
    }

    #[test]
    fn the_limits_and_the_order_are_checked() {
        let all: Vec<u16> = (0..MAX_EXTENSIONS as u16).collect();
        assert!(Extensions::new(numbered(&all)).is_ok());
        let more: Vec<u16> = (0..=MAX_EXTENSIONS as u16).collect();
        for wrong in [&[2, 1][..], &[1, 1], &more] {
            assert_eq!(Extensions::new(numbered(wrong)), Err(BadExtensions));
            let encoded = encode(&numbered(wrong)).unwrap();
            assert!(decode::<Extensions>(&encoded, 1_000).is_err(), "{wrong:?}");
        }
        let value = |bytes| vec![(1, vec![0; bytes])];
        assert!(Extensions::new(value(MAX_EXTENSION_BYTES)).is_ok());
        let too_long = value(MAX_EXTENSION_BYTES + 1);
        assert_eq!(Extensions::new(too_long.clone()), Err(BadExtensions));
        let encoded = encode(&too_long).unwrap();
        assert!(decode::<Extensions>(&encoded, 1_000).is_err());
    }
}
