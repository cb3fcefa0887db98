//! A 256-bit symmetric key, and random bytes.

use std::fmt;

use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A 256-bit secret key. It is wiped when dropped, compared in constant time, and never printed.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl Key {
    /// A fresh key from the operating system.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self(random_bytes()?))
    }

    /// A key derived from this one and nothing else (HKDF-SHA256, RFC 5869, no salt). `info` is concatenated: its
    /// pieces must be of fixed length, but for the first.
    pub(crate) fn derive(&self, info: &[&[u8]]) -> Self {
        Self(expand(&Hkdf::new(None, &self.0), info))
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes ({0}); nothing can be encrypted without them")]
pub struct RandomError(getrandom::Error);

pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(RandomError)?;
    Ok(bytes)
}

/// HKDF-Expand of `N` bytes, which must be a key's length and not one of HKDF's limits.
pub(crate) fn expand<const N: usize>(hkdf: &Hkdf<Sha256>, info: &[&[u8]]) -> [u8; N] {
    const { assert!(N <= 64) };
    let mut bytes = [0; N];
    if hkdf.expand_multi_info(info, &mut bytes).is_err() {
        // A key that stays all zero is the failure to fear here; HKDF-SHA256 gives up to 8,160 bytes.
        unreachable!("HKDF-SHA256 refused {N} bytes");
    }
    bytes
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The 32 bytes from `first` on, as test vectors use them.
    pub(crate) fn bytes(first: u8) -> [u8; 32] {
        std::array::from_fn(|i| first + i as u8)
    }

    pub(crate) fn unhex(hex: &str) -> Vec<u8> {
        assert!(hex.len().is_multiple_of(2));
        (0..hex.len() / 2)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn debug_output_shows_no_key_material() {
        assert_eq!(format!("{:?}", Key::from_bytes([0xab; 32])), "Key(..)");
    }

    #[test]
    fn generated_keys_are_not_zero_and_differ() {
        let (a, b) = (Key::generate().unwrap(), Key::generate().unwrap());
        assert_ne!(a.as_bytes(), &[0; 32]);
        assert_ne!(a, b);
    }

    /// RFC 5869, A.3: no salt, no info, of which a key takes the first 32 bytes.
    #[test]
    fn derivation_is_hkdf_sha256() {
        let hkdf = Hkdf::<Sha256>::new(None, &[0x0b; 22]);
        let key: [u8; 32] = expand(&hkdf, &[]);
        assert_eq!(
            key[..],
            unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d")
        );
    }

    #[test]
    fn derived_keys_are_not_zero_and_differ_by_every_part_of_their_info() {
        let key = Key::from_bytes(bytes(0));
        let derived = [
            key.derive(&[b"a", b"b"]),
            key.derive(&[b"a", b"c"]),
            key.derive(&[b"b", b"b"]),
        ];
        assert!(derived.iter().all(|key| key.as_bytes() != &[0; 32]));
        assert!(derived[0] != derived[1] && derived[0] != derived[2] && derived[1] != derived[2]);
        assert!(!derived.contains(&key));
    }
}
