//! Credentials: what the identity of a member signs when it joins.

use serde::{Deserialize, Serialize};

use crate::features::Features;
use crate::handshake::{Agreement, ChannelBinding};
use crate::identity::{Identity, IdentityKey, Signature};
use crate::key_pair::PublicKey;
use crate::name::Name;

const CREDENTIAL_LABEL: &[u8] = b"backroom credential v1";

/// The identity of a member, and its signature of the member's session. Without it, anyone who knows the password could join
/// with the name and the public key of another member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Credential {
    /// The identity.
    pub identity: IdentityKey,
    /// The handshake in which the member joined. Only the server can compare it, so that nobody joins with a recorded
    /// credential.
    pub binding: ChannelBinding,
    signature: Signature,
}

/// What a credential vouches for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The member's name.
    pub name: &'a Name,
    /// The member's key of this session.
    pub public_key: &'a PublicKey,
    /// The member's features.
    pub features: Features,
}

/// A credential does not belong to the member that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCredential {
    /// The signature is of another member, session or server.
    #[error("the signature does not match")]
    Signature,
    /// The credential was made for another connection.
    #[error("the credential was made for another connection")]
    OtherConnection,
}

impl Credential {
    /// Signs a session with the server of this agreement.
    pub fn sign(identity: &Identity, agreement: &Agreement, subject: Subject<'_>) -> Self {
        let (server, binding) = (agreement.server.key, agreement.binding);
        let features = subject.features.bits().to_be_bytes();
        let parts = parts(&server, &binding, subject, &features);
        Self {
            identity: identity.key(),
            binding,
            signature: identity.sign(CREDENTIAL_LABEL, &parts),
        }
    }

    /// Checks, as another member, that the identity vouches for the member of the server with this key.
    ///
    /// # Errors
    /// [`BadCredential::Signature`]
    pub fn verify(&self, server: &IdentityKey, subject: Subject<'_>) -> Result<(), BadCredential> {
        let features = subject.features.bits().to_be_bytes();
        let parts = parts(server, &self.binding, subject, &features);
        if self
            .identity
            .verifies(CREDENTIAL_LABEL, &parts, &self.signature)
        {
            Ok(())
        } else {
            Err(BadCredential::Signature)
        }
    }

    /// Checks, as the server, that the member on the connection of this agreement owns the identity.
    ///
    /// # Errors
    /// [`BadCredential`]
    pub fn verify_owner(
        &self,
        agreement: &Agreement,
        subject: Subject<'_>,
    ) -> Result<(), BadCredential> {
        if self.binding != agreement.binding {
            return Err(BadCredential::OtherConnection);
        }
        self.verify(&agreement.server.key, subject)
    }
}

/// The name comes last, because it has no fixed length.
fn parts<'a>(
    server: &'a IdentityKey,
    binding: &'a ChannelBinding,
    subject: Subject<'a>,
    features: &'a [u8; 8],
) -> [&'a [u8]; 5] {
    [
        server.as_bytes(),
        binding.as_bytes(),
        subject.public_key.as_bytes(),
        features,
        subject.name.as_str().as_bytes(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::{Lifetime, ServerKey, VERSION};
    use crate::key::tests::bytes;
    use crate::key_pair::KeyPair;

    fn agreement(server: u8, binding: u8) -> Agreement {
        Agreement {
            version: VERSION,
            features: Features::NONE,
            server: ServerKey {
                key: Identity::from_seed(&bytes(server)).key(),
                lifetime: Lifetime::Lasting,
            },
            binding: ChannelBinding::from([binding; 32]),
        }
    }

    #[test]
    fn a_credential_vouches_for_one_session_of_one_member_at_one_server() {
        let (name, other_name) = (Name::new("Ada").unwrap(), Name::new("Ada2").unwrap());
        let key = KeyPair::from_seed(&bytes(0)).public_key();
        let other_key = KeyPair::from_seed(&bytes(1)).public_key();
        let subject = Subject {
            name: &name,
            public_key: &key,
            features: Features::from_bits(1),
        };
        let here = agreement(7, 1);
        let identity = Identity::from_seed(&bytes(9));
        let credential = Credential::sign(&identity, &here, subject);
        assert_eq!(credential.verify_owner(&here, subject), Ok(()));
        let refused = Err(BadCredential::Signature);
        for other in [
            Subject {
                name: &other_name,
                ..subject
            },
            Subject {
                public_key: &other_key,
                ..subject
            },
            Subject {
                features: Features::NONE,
                ..subject
            },
        ] {
            assert_eq!(credential.verify(&here.server.key, other), refused);
        }
        let elsewhere = agreement(8, 1);
        assert_eq!(credential.verify(&elsewhere.server.key, subject), refused);
        let mut stolen = credential.clone();
        stolen.identity = Identity::from_seed(&bytes(10)).key();
        assert_eq!(stolen.verify(&here.server.key, subject), refused);
        let mut moved = credential;
        moved.binding = ChannelBinding::from([2; 32]);
        assert_eq!(moved.verify(&here.server.key, subject), refused);
    }

    #[test]
    fn a_recorded_credential_is_refused_on_another_connection() {
        let name = Name::new("Ada").unwrap();
        let key = KeyPair::from_seed(&bytes(0)).public_key();
        let subject = Subject {
            name: &name,
            public_key: &key,
            features: Features::NONE,
        };
        let identity = Identity::from_seed(&bytes(9));
        let credential = Credential::sign(&identity, &agreement(7, 1), subject);
        let refused = Err(BadCredential::OtherConnection);
        assert_eq!(credential.verify_owner(&agreement(7, 2), subject), refused);
    }
}
