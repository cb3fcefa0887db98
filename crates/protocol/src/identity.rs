//! Identities: Ed25519 keys (RFC 8032) that last, of members and of servers.
//!
//! An identity only signs. Keys for encryption belong to one session, so recorded traffic stays secret if an identity is
//! stolen later.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::fingerprint::Fingerprint;
use crate::key::{RandomError, random_bytes};

/// The private key of an identity. It is wiped when dropped.
pub struct Identity(SigningKey);

impl Identity {
    /// Generates an identity.
    pub fn generate() -> Result<Self, RandomError> {
        let seed = Zeroizing::new(random_bytes()?);
        Ok(Self::from_seed(&seed))
    }

    /// The identity with this private key.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The private key, to be stored.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public key.
    pub fn key(&self) -> IdentityKey {
        IdentityKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a label and parts of a fixed length; only the last part may have any length.
    pub(crate) fn sign(&self, label: &[u8], parts: &[&[u8]]) -> Signature {
        Signature(self.0.sign(&statement(label, parts)).to_bytes())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("fingerprint", &self.key().fingerprint())
            .finish_non_exhaustive()
    }
}

/// The public key of an identity. Parsing rejects bytes that are not a point, and points of small order: for those, one
/// signature fits every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "[u8; 32]")]
pub struct IdentityKey([u8; 32]);

impl IdentityKey {
    /// The encoded point (RFC 8032, 5.1.2).
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A short digest of the key, which two people compare by voice.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(b"backroom identity fingerprint v1", &self.0)
    }

    /// Whether this identity signed the label and the parts.
    pub(crate) fn verifies(&self, label: &[u8], parts: &[&[u8]], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        VerifyingKey::from_bytes(&self.0)
            .and_then(|key| key.verify_strict(&statement(label, parts), &signature))
            .is_ok()
    }
}

impl TryFrom<[u8; 32]> for IdentityKey {
    type Error = BadIdentityKey;

    fn try_from(bytes: [u8; 32]) -> Result<Self, BadIdentityKey> {
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(bytes)),
            _ => Err(BadIdentityKey),
        }
    }
}

/// The bytes are not the public key of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid public key of an identity")]
pub struct BadIdentityKey;

/// A signature of an identity (RFC 8032), 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "[[u8; 32]; 2]", into = "[[u8; 32]; 2]")]
pub struct Signature([u8; 64]);

impl Signature {
    /// The encoded signature.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl From<[u8; 64]> for Signature {
    fn from(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }
}

// Serde has no arrays of 64 bytes.
impl From<[[u8; 32]; 2]> for Signature {
    fn from(halves: [[u8; 32]; 2]) -> Self {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(halves.as_flattened());
        Self(bytes)
    }
}

impl From<Signature> for [[u8; 32]; 2] {
    fn from(Signature(bytes): Signature) -> Self {
        let mut halves = [[0; 32]; 2];
        halves.as_flattened_mut().copy_from_slice(&bytes);
        halves
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

fn statement(label: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    [&[label], parts].concat().concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::{bytes, unhex};

    /// RFC 8032, 7.1, test 3.
    #[test]
    fn signatures_are_ed25519() {
        let seed = unhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
        let identity = Identity::from_seed(&seed.try_into().unwrap());
        assert_eq!(
            identity.key().as_bytes()[..],
            unhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
        );
        let signature = identity.sign(&[0xaf], &[&[0x82]]);
        assert_eq!(
            signature.as_bytes()[..],
            unhex(
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
            )
        );
        assert!(identity.key().verifies(&[0xaf], &[&[0x82]], &signature));
    }

    #[test]
    fn a_signature_fits_only_its_statement_and_its_identity() {
        let (ada, bob) = (
            Identity::from_seed(&bytes(0)),
            Identity::from_seed(&bytes(1)),
        );
        let signature = ada.sign(b"label", &[b"part"]);
        assert!(ada.key().verifies(b"label", &[b"part"], &signature));
        assert!(!ada.key().verifies(b"label", &[b"part2"], &signature));
        assert!(!ada.key().verifies(b"other", &[b"part"], &signature));
        assert!(!bob.key().verifies(b"label", &[b"part"], &signature));
        let mut changed = *signature.as_bytes();
        changed[40] ^= 1;
        assert!(!ada.key().verifies(b"label", &[b"part"], &changed.into()));
    }

    /// The first is of small order, the second is not on the curve.
    #[test]
    fn bytes_that_are_no_identity_are_rejected() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut no_point = [0; 32];
        no_point[0] = 2;
        for wrong in [identity, [0; 32], no_point] {
            assert_eq!(IdentityKey::try_from(wrong), Err(BadIdentityKey));
        }
        let key = Identity::from_seed(&bytes(0)).key();
        assert_eq!(IdentityKey::try_from(*key.as_bytes()), Ok(key));
    }

    #[test]
    fn a_signature_is_64_bytes_on_the_wire() {
        let signature = Signature(std::array::from_fn(|i| i as u8));
        let encoded = crate::codec::encode(&signature).unwrap();
        assert_eq!(encoded, signature.as_bytes());
        assert_eq!(crate::codec::decode(&encoded, 64), Ok(signature));
    }

    #[test]
    fn an_identity_is_restored_from_its_seed_and_never_shown() {
        let identity = Identity::generate().unwrap();
        let restored = Identity::from_seed(&identity.seed());
        assert_eq!(identity.key(), restored.key());
        assert_ne!(identity.key(), Identity::generate().unwrap().key());
        let fingerprint = identity.key().fingerprint();
        assert_eq!(
            format!("{identity:?}"),
            format!("Identity {{ fingerprint: {fingerprint}, .. }}")
        );
    }
}
