//! The X25519 key pair of a member, which lasts for one session.

use std::fmt;

use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::traits::IsIdentity;
use hpke::{Deserializable, Kem as _, Serializable};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::fingerprint::Fingerprint;
use crate::key::{RandomError, random_bytes};

/// DHKEM(X25519, HKDF-SHA256), RFC 9180, 7.1.
pub(crate) type Kem = hpke::kem::X25519HkdfSha256;
pub(crate) type KemPrivateKey = <Kem as hpke::Kem>::PrivateKey;
pub(crate) type KemPublicKey = <Kem as hpke::Kem>::PublicKey;

/// The key pair of one session. A member generates a new one each time it joins. The private key never leaves it.
pub struct KeyPair {
    pub(crate) private_key: KemPrivateKey,
    pub(crate) public_key: KemPublicKey,
}

impl KeyPair {
    /// Derives a key pair from 32 random bytes (RFC 9180, 7.1.3).
    pub fn generate() -> Result<Self, RandomError> {
        let seed = Zeroizing::new(random_bytes()?);
        Ok(Self::from_seed(&seed))
    }

    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        let (private_key, public_key) = Kem::derive_keypair(seed);
        Self {
            private_key,
            public_key,
        }
    }

    /// The public key, which the room sends to all members.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.public_key.to_bytes().into())
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("fingerprint", &self.public_key().fingerprint())
            .finish_non_exhaustive()
    }
}

/// A member's X25519 public key (RFC 7748), 32 bytes. Parsing rejects points of small order. No secret can be shared with
/// them, so one hostile key would make a message to the whole room fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "[u8; 32]")]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The encoded u-coordinate (RFC 7748, 5).
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A short digest of the key, for a member without a lasting identity. Two people compare it by voice to detect a man in
    /// the middle.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(b"backroom fingerprint v1", &self.0)
    }

    pub(crate) fn to_kem(self) -> Option<KemPublicKey> {
        KemPublicKey::from_bytes(&self.0).ok()
    }
}

impl TryFrom<[u8; 32]> for PublicKey {
    type Error = SmallOrderPoint;

    fn try_from(bytes: [u8; 32]) -> Result<Self, SmallOrderPoint> {
        // Clamped private keys are multiples of 8 (RFC 7748, 5), so they all map a point of small order to the identity.
        let eight = [true, false, false, false];
        if MontgomeryPoint(bytes)
            .mul_bits_be(eight.into_iter())
            .is_identity()
        {
            return Err(SmallOrderPoint);
        }
        Ok(Self(bytes))
    }
}

/// The public key is a point of small order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid public key: a point of small order")]
pub struct SmallOrderPoint;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::{bytes, unhex};

    #[test]
    fn a_fingerprint_has_thirty_digits() {
        let key_pair = KeyPair::from_seed(&bytes(128));
        let key = "7af03df159e2d75751c1a88eb5a9e87988f138dce7596ebda3ad7f0bb04a8734";
        assert_eq!(key_pair.public_key().as_bytes()[..], unhex(key));
        assert_eq!(
            key_pair.public_key().fingerprint().to_string(),
            "15263 83741 13485 52348 24246 09761"
        );
    }

    #[test]
    fn each_session_has_its_own_key() {
        let (a, b) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        assert_ne!(a.public_key(), b.public_key());
        assert_ne!(a.public_key().fingerprint(), b.public_key().fingerprint());
        assert!(a.public_key().as_bytes().iter().any(|&byte| byte != 0));
    }

    /// All encodings of the points of small order (RFC 7748, 6.1 and 7), with both values of the ignored top bit.
    #[test]
    fn points_of_small_order_are_rejected() {
        let points = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        for point in points {
            let mut point: [u8; 32] = unhex(point).try_into().unwrap();
            assert_eq!(
                PublicKey::try_from(point),
                Err(SmallOrderPoint),
                "{point:02x?}"
            );
            point[31] |= 0x80;
            assert_eq!(
                PublicKey::try_from(point),
                Err(SmallOrderPoint),
                "{point:02x?}"
            );
        }
        let ordinary = *KeyPair::from_seed(&bytes(0)).public_key().as_bytes();
        assert!(PublicKey::try_from(ordinary).is_ok());
    }

    #[test]
    fn debug_output_shows_no_private_key() {
        let shown = format!("{:?}", KeyPair::from_seed(&bytes(128)));
        assert_eq!(
            shown,
            "KeyPair { fingerprint: 15263 83741 13485 52348 24246 09761, .. }"
        );
    }
}
