//! Fingerprints: digests of public keys for people to compare.

use std::fmt;

use sha2::{Digest, Sha256};

/// The digest of a public key: six groups of five digits, about 99 bits of SHA-256. To impersonate the owner, an attacker has
/// to generate some 2^99 keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u32; 6]);

impl Fingerprint {
    /// The label tells the kinds of keys apart.
    pub(crate) fn of(label: &[u8], key: &[u8; 32]) -> Self {
        let digest = Sha256::new()
            .chain_update(label)
            .chain_update(key)
            .finalize();
        Self(std::array::from_fn(|i| {
            let bytes = &digest[5 * i..5 * i + 5];
            let number = bytes
                .iter()
                .fold(0u64, |number, &byte| number << 8 | u64::from(byte));
            (number % 100_000) as u32
        }))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = &self.0;
        write!(f, "{first:05}")?;
        rest.iter().try_for_each(|group| write!(f, " {group:05}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
