//! Envelopes: end-to-end encryption between members. The server relays them without being able to read them.
//!
//! A content is sealed once with a new AES-256-GCM key that is used for nothing else. That key is sealed for each
//! recipient with HPKE (RFC 9180) in auth mode, which also authenticates the sender. The sealed key is bound to the sealed
//! content, the sender and the recipient. Nobody can combine it with another content, sender or recipient, not even a
//! recipient that knows the key.
//!
//! There is one HPKE context for each direction between two sessions. It is set up with the first message and then used in
//! order, so a message that was replayed, reordered or dropped does not open. A key pair belongs to one session, so
//! messages of earlier sessions do not open either.

mod pair;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use pair::{Direction, ReceivingPair, SendingPair};

use crate::codec::{DecodeError, EncodeError};
use crate::content::Content;
use crate::key::{Key, RandomError};
use crate::key_pair::{KeyPair, PublicKey};
use crate::post::{MAX_MEMBERS, MemberId, Part, Post};
use crate::record::nonce;

/// The most departed members that are remembered to reject replays of their messages. They take about 8 MiB.
pub const MAX_DEPARTED: usize = 1 << 20;

const CONTENT_LABEL: &[u8] = b"backroom content v1";

/// Seals and opens the envelopes of one member for one session.
///
/// Send posts in the order in which they were sealed.
pub struct Envelopes {
    key_pair: KeyPair,
    own_id: MemberId,
    sending: HashMap<MemberId, SendingPair>,
    receiving: HashMap<MemberId, ReceivingPair>,
    departed: HashSet<MemberId>,
}

impl Envelopes {
    /// Creates the state of the member with this key pair and the number that the room assigned to it.
    pub fn new(key_pair: KeyPair, own_id: MemberId) -> Self {
        Self {
            key_pair,
            own_id,
            sending: HashMap::new(),
            receiving: HashMap::new(),
            departed: HashSet::new(),
        }
    }

    /// Seals a content for its recipients.
    ///
    /// The first post to a member takes a few tenths of a millisecond for scalar multiplications; a later one takes about
    /// a microsecond. To stay responsive before a post to many new members, call [`Self::prepare`] first.
    pub fn seal(
        &mut self,
        content: &Content,
        recipients: &[(MemberId, PublicKey)],
    ) -> Result<Post, EnvelopeError> {
        self.prepare(recipients, usize::MAX)?;
        // A new key for each content, so that no recipient of one content can open another.
        let content_key = Key::generate()?;
        let sealed_content = seal_content(&content_key, &content.encode()?)?;
        let digest = Sha256::digest(&sealed_content).into();
        let parts = recipients
            .iter()
            .map(|&(to, _)| {
                let sealed = self
                    .sending
                    .get_mut(&to)
                    .and_then(|pair| pair.seal(&content_key, &digest));
                Ok(Part {
                    to,
                    sealed: sealed.ok_or(EnvelopeError::Unusable(to))?,
                })
            })
            .collect::<Result<_, EnvelopeError>>()?;
        Ok(Post {
            content: sealed_content,
            parts,
        })
    }

    /// Sets up the contexts of at most `max` of the recipients that do not have one yet. Returns whether all recipients
    /// have one now.
    pub fn prepare(
        &mut self,
        recipients: &[(MemberId, PublicKey)],
        max: usize,
    ) -> Result<bool, EnvelopeError> {
        self.check_recipients(recipients)?;
        let mut left = max;
        for &(to, key) in recipients {
            let Entry::Vacant(vacant) = self.sending.entry(to) else {
                continue;
            };
            if left == 0 {
                return Ok(false);
            }
            left -= 1;
            let direction = Direction {
                from: self.own_id,
                to,
            };
            let pair = SendingPair::set_up(direction, &self.key_pair, key);
            vacant.insert(pair.ok_or(EnvelopeError::Unusable(to))?);
        }
        Ok(true)
    }

    /// Opens a delivery from the member that the room announced with `from_key`. A delivery that does not open changes
    /// nothing: the next authentic message of that member still opens.
    pub fn open(
        &mut self,
        from: MemberId,
        from_key: PublicKey,
        content: &[u8],
        sealed: &[u8],
    ) -> Result<Content, EnvelopeError> {
        self.check_member(from, from_key)?;
        let digest = Sha256::digest(content).into();
        let content_key = self
            .open_part(from, from_key, &digest, sealed)
            .ok_or(EnvelopeError::NotAuthentic(from))?;
        let plaintext =
            open_content(&content_key, content).ok_or(EnvelopeError::NotAuthentic(from))?;
        Content::decode(&plaintext).map_err(|error| EnvelopeError::Content { from, error })
    }

    /// Discards the state of a member that left and rejects its number from now on. Otherwise a server could announce the
    /// member again and replay its messages. Its key stays allowed: anyone can join with a copy of a public key, and
    /// rejecting the key would lock out its owner.
    pub fn forget(&mut self, member: MemberId) {
        let sent = self.sending.remove(&member).is_some();
        let received = self.receiving.remove(&member).is_some();
        if sent || received {
            self.departed.insert(member);
        }
    }

    fn check_recipients(&self, recipients: &[(MemberId, PublicKey)]) -> Result<(), EnvelopeError> {
        if recipients.is_empty() {
            return Err(EnvelopeError::NoRecipients);
        }
        if recipients.len() > MAX_MEMBERS {
            return Err(EnvelopeError::TooManyRecipients(recipients.len()));
        }
        let mut seen = HashSet::with_capacity(recipients.len());
        for &(to, key) in recipients {
            if !seen.insert(to) {
                return Err(EnvelopeError::DuplicateRecipient(to));
            }
            self.check_member(to, key)?;
        }
        Ok(())
    }

    /// Checks that a number still has the key it had before, and that it does not belong to a departed member.
    fn check_member(&self, id: MemberId, key: PublicKey) -> Result<(), EnvelopeError> {
        if id == self.own_id {
            return Err(EnvelopeError::ToSelf);
        }
        if self.departed.len() > MAX_DEPARTED {
            return Err(EnvelopeError::TooManyDeparted);
        }
        let (sending, receiving) = (self.sending.get(&id), self.receiving.get(&id));
        let has_other_key = sending.is_some_and(|pair| pair.recipient != key)
            || receiving.is_some_and(|pair| pair.sender != key);
        if has_other_key || self.departed.contains(&id) {
            return Err(EnvelopeError::IdentityChanged(id));
        }
        Ok(())
    }

    fn open_part(
        &mut self,
        from: MemberId,
        from_key: PublicKey,
        digest: &[u8; 32],
        sealed: &[u8],
    ) -> Option<Key> {
        match self.receiving.entry(from) {
            Entry::Occupied(mut pair) => pair.get_mut().open_next(digest, sealed),
            Entry::Vacant(vacant) => {
                let direction = Direction {
                    from,
                    to: self.own_id,
                };
                let (pair, key) =
                    ReceivingPair::open_first(direction, &self.key_pair, from_key, digest, sealed)?;
                vacant.insert(pair);
                Some(key)
            }
        }
    }
}

/// The zero nonce is safe because the key seals nothing but this content.
fn seal_content(key: &Key, content: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let payload = Payload {
        msg: content,
        aad: CONTENT_LABEL,
    };
    Aes256Gcm::new(key.as_bytes().into())
        .encrypt(&nonce(0), payload)
        .map_err(|_| EncodeError::Unencodable)
}

fn open_content(key: &Key, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let payload = Payload {
        msg: sealed,
        aad: CONTENT_LABEL,
    };
    let cipher = Aes256Gcm::new(key.as_bytes().into());
    let content = cipher.decrypt(&nonce(0), payload).ok()?;
    Some(Zeroizing::new(content))
}

impl fmt::Debug for Envelopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelopes")
            .field("own_id", &self.own_id)
            .field("key_pair", &self.key_pair)
            .finish_non_exhaustive()
    }
}

/// An envelope cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The list of recipients is empty.
    #[error("a message needs at least one recipient")]
    NoRecipients,
    /// The list of recipients exceeds [`MAX_MEMBERS`].
    #[error("a message can have at most {MAX_MEMBERS} recipients, not {0}")]
    TooManyRecipients(usize),
    /// The list of recipients contains a member twice.
    #[error("duplicate recipient: {0}")]
    DuplicateRecipient(MemberId),
    /// The sender is among the recipients, or a delivery claims to be from this member.
    #[error("a member cannot send a message to itself")]
    ToSelf,
    /// The member has left, or the room announced its number with another key before.
    #[error("the identity of {0} has changed; do not trust this server")]
    IdentityChanged(MemberId),
    /// More than [`MAX_DEPARTED`] members have left.
    #[error("more than {MAX_DEPARTED} members have left the room; join again")]
    TooManyDeparted,
    /// The message was modified or replayed, an earlier one is missing, or it is for or from another member.
    #[error(
        "a message from {0} failed authentication: it was modified, or messages were repeated, reordered or lost"
    )]
    NotAuthentic(MemberId),
    /// The sender sealed bytes that are not a valid content.
    #[error("invalid message from {from}: {error}")]
    Content {
        /// The authenticated sender.
        from: MemberId,
        /// The decoding error.
        error: DecodeError,
    },
    /// The content is too long.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The HPKE context has reached its limit, or the recipient's key is invalid.
    #[error("cannot seal a message for {0}; join again")]
    Unusable(MemberId),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::{bytes, unhex};
    use crate::{Cast, Text};

    /// Computed by a Python implementation of RFC 9180 (hashlib, hmac, cryptography) that reproduces the RFC's A.1.3.
    #[test]
    fn envelopes_of_another_implementation_open() {
        let sender = KeyPair::from_seed(&bytes(128)).public_key();
        let mut envelopes = Envelopes::new(KeyPair::from_seed(&bytes(160)), MemberId(5));
        let posts = [
            (
                "first",
                "5c65fef419e7dc0964737838ec6908300de307ceeeb30103",
                "010a4244187e020c1b51d51502593322001217c1db3bc91bf837491c9b71807605ed87234b3febd9fdb58c7c2ccdde\
                 7664eaa3364087247f60c28980a78dc124a1f2f53875a035c53a02c1e669fa67f320",
            ),
            (
                "second",
                "cd79b85c8f541e4f73c2d93f1bdbbda25dc61904feb35fd785",
                "00060dcf2c00f2de114ceaf1030c838cac404a6be896e90a5246230fc3a7094d12e2d831cd3bb53e3c455e14b452721d87",
            ),
        ];
        for (text, content, sealed) in posts {
            let opened = envelopes.open(MemberId(3), sender, &unhex(content), &unhex(sealed));
            assert_eq!(
                opened,
                Ok(Content::Text {
                    cast: Cast::Broadcast,
                    text: Text::new(text).unwrap()
                })
            );
        }
    }

    /// Eve, a recipient, knows the content's key. She seals another content with it, which decrypts correctly, and has the
    /// server deliver it to Bob with Bob's part of the genuine post.
    #[test]
    fn a_recipient_cannot_replace_the_content() {
        let [ada, bob, eve] = [128, 160, 192].map(|seed| KeyPair::from_seed(&bytes(seed)));
        let (ada_key, bob_key, eve_key) = (ada.public_key(), bob.public_key(), eve.public_key());
        let [mut ada, mut bob, mut eve] = [(ada, 1), (bob, 2), (eve, 3)]
            .map(|(key_pair, id)| Envelopes::new(key_pair, MemberId(id)));
        let text = |text| Content::Text {
            cast: Cast::Broadcast,
            text: Text::new(text).unwrap(),
        };
        let genuine = ada
            .seal(
                &text("I said this"),
                &[(MemberId(2), bob_key), (MemberId(3), eve_key)],
            )
            .unwrap();
        let digest = Sha256::digest(&genuine.content).into();
        let content_key = eve
            .open_part(MemberId(1), ada_key, &digest, &genuine.parts[1].sealed)
            .unwrap();
        let forged = seal_content(&content_key, &text("I said that").encode().unwrap()).unwrap();
        assert!(
            open_content(&content_key, &forged).is_some(),
            "the forgery itself is sound"
        );
        let for_bob = &genuine.parts[0].sealed;
        let refused = Err(EnvelopeError::NotAuthentic(MemberId(1)));
        assert_eq!(bob.open(MemberId(1), ada_key, &forged, for_bob), refused);
        assert_eq!(
            bob.open(MemberId(1), ada_key, &genuine.content, for_bob),
            Ok(text("I said this"))
        );
    }

    #[test]
    fn too_many_departed_members_end_the_session() {
        let other = KeyPair::from_seed(&bytes(128)).public_key();
        let mut envelopes = Envelopes::new(KeyPair::from_seed(&bytes(160)), MemberId(1));
        envelopes.departed = (2..).map(MemberId).take(MAX_DEPARTED + 1).collect();
        let content = Content::Text {
            cast: Cast::Unicast,
            text: Text::new("x").unwrap(),
        };
        let refused = envelopes.seal(&content, &[(MemberId(u32::MAX), other)]);
        assert_eq!(refused.unwrap_err(), EnvelopeError::TooManyDeparted);
    }
}
