//! Symmetric keys, key derivation and random bytes.

use std::fmt;

use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A 256-bit secret key. It is wiped when dropped, compared in constant time, and never shown by `Debug`.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl Key {
    /// Generates a random key.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self(random_bytes()?))
    }

    /// Derives a key with HKDF-SHA256 (RFC 5869) without salt. The pieces of `info` are concatenated, so all but the first
    /// must have a fixed length: otherwise two different lists could give the same key.
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

/// The operating system's random source failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system returned no random bytes: {0}")]
pub struct RandomError(getrandom::Error);

pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(RandomError)?;
    Ok(bytes)
}

/// HKDF-Expand to `N` bytes, at most 64.
pub(crate) fn expand<const N: usize>(hkdf: &Hkdf<Sha256>, info: &[&[u8]]) -> [u8; N] {
    const { assert!(N <= 64) };
    let mut bytes = [0; N];
    // HKDF-SHA256 expands to at most 8,160 bytes, so it cannot fail. Ignoring an error would give an all-zero key.
    hkdf.expand_multi_info(info, &mut bytes)
        .unwrap_or_else(|_| unreachable!("HKDF-SHA256 refused {N} bytes"));
    bytes
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The 32 bytes `first`, `first + 1`, …, as used in the test vectors.
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

    /// The first 32 bytes of RFC 5869, A.3: no salt, no info.
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
    fn derived_keys_depend_on_every_part_of_the_info() {
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
