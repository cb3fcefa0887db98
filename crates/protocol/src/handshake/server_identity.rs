//! The identity of a server: it signs each handshake, so that a member recognises the server when it joins again.

use super::binding::ChannelBinding;
use super::error::HandshakeError;
use crate::identity::{Identity, IdentityKey, Signature};
use crate::key::RandomError;

const SERVER_LABEL: &[u8] = b"backroom server identity v1";

/// The size of a [`ServerKey`] and its signature in a frame: key, lifetime, signature.
const PROOF_BYTES: usize = 32 + 1 + 64;

/// Whether an identity will be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// The identity was generated when the program started, and ends with it.
    Ephemeral = 0,
    /// The identity is stored and used again.
    Lasting = 1,
}

/// The identity of a server, with its private key.
#[derive(Debug)]
pub struct ServerIdentity {
    /// The key pair.
    pub identity: Identity,
    /// Whether members can recognise it later.
    pub lifetime: Lifetime,
}

/// The identity of a server, as a member knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerKey {
    /// The public key.
    pub key: IdentityKey,
    /// Whether to expect this key at the next join.
    pub lifetime: Lifetime,
}

impl ServerIdentity {
    /// Generates an identity that ends with the program.
    pub fn ephemeral() -> Result<Self, RandomError> {
        Ok(Self {
            identity: Identity::generate()?,
            lifetime: Lifetime::Ephemeral,
        })
    }

    /// The public part.
    pub fn server_key(&self) -> ServerKey {
        ServerKey {
            key: self.identity.key(),
            lifetime: self.lifetime,
        }
    }

    /// The key, and the signature of the handshake that ends with this binding.
    pub(super) fn prove(&self, binding: &ChannelBinding) -> [u8; PROOF_BYTES] {
        let lifetime = [self.lifetime as u8];
        let signature = self
            .identity
            .sign(SERVER_LABEL, &[&lifetime, binding.as_bytes()]);
        let mut proof = [0; PROOF_BYTES];
        proof[..32].copy_from_slice(self.identity.key().as_bytes());
        proof[32] = lifetime[0];
        proof[33..].copy_from_slice(signature.as_bytes());
        proof
    }
}

impl ServerKey {
    /// Parses the server's key and checks its signature of this handshake. Ignores bytes after them.
    pub(super) fn verify(proof: &[u8], binding: &ChannelBinding) -> Result<Self, HandshakeError> {
        let malformed = HandshakeError::Malformed;
        let (key, rest) = proof.split_first_chunk::<32>().ok_or(malformed)?;
        let (&[lifetime], rest) = rest.split_first_chunk::<1>().ok_or(malformed)?;
        let (signature, _) = rest.split_first_chunk::<64>().ok_or(malformed)?;
        let key = IdentityKey::try_from(*key).map_err(|_| HandshakeError::ServerIdentity)?;
        let known_lifetime = match lifetime {
            0 => Lifetime::Ephemeral,
            1 => Lifetime::Lasting,
            _ => return Err(malformed),
        };
        let parts: [&[u8]; 2] = [&[lifetime], binding.as_bytes()];
        if !key.verifies(SERVER_LABEL, &parts, &Signature::from(*signature)) {
            return Err(HandshakeError::ServerIdentity);
        }
        Ok(Self {
            key,
            lifetime: known_lifetime,
        })
    }
}
