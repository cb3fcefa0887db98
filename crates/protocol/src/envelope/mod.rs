//! What members say to each other: sealed by the sender for each recipient, relayed by a server that can't read it.
//!
//! A content is sealed once, with a fresh AES-256-GCM key that is used for nothing else. That key is sealed for each
//! recipient with HPKE (RFC 9180) in auth mode, which also proves the sender. The key's envelope is bound to the sealed
//! content, the sender and the recipient, so nobody can put another content, another sender or another recipient to
//! it, not even a recipient who knows the key.
//!
//! There is one HPKE context for each pair of sessions and direction, set up with the first message and then used in
//! order: what is replayed, reordered or left out does not open. A key pair belongs to one session, so nothing of an
//! earlier session opens either.

mod pair;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use pair::MAX_SEALED_KEY_BYTES;
use pair::{Direction, ReceivingPair, SendingPair};

use crate::codec::{DecodeError, EncodeError};
use crate::content::{Content, MAX_CONTENT_BYTES};
use crate::identity::{Identity, PublicKey};
use crate::key::{Key, RandomError};
use crate::record::{TAG_BYTES, nonce};
use crate::room::{MAX_MEMBERS, MemberId, Part, Post};

/// The longest sealed content.
pub const MAX_SEALED_CONTENT_BYTES: usize = MAX_CONTENT_BYTES + TAG_BYTES;

/// How many members that left are remembered, so that what they sent is not believed a second time (some 8 MiB).
pub const MAX_DEPARTED: usize = 1 << 20;

const CONTENT_LABEL: &[u8] = b"backroom content v1";

/// One member's envelopes, in both directions, for one session.
///
/// Posts must be sent in the order in which they were sealed.
pub struct Envelopes {
    identity: Identity,
    own_id: MemberId,
    sending: HashMap<MemberId, SendingPair>,
    receiving: HashMap<MemberId, ReceivingPair>,
    departed: HashSet<MemberId>,
}

impl Envelopes {
    /// For the member with this identity and the number that the room gave it.
    pub fn new(identity: Identity, own_id: MemberId) -> Self {
        Self {
            identity,
            own_id,
            sending: HashMap::new(),
            receiving: HashMap::new(),
            departed: HashSet::new(),
        }
    }

    /// Seals a content for its recipients. On an error nothing is sealed, for nobody.
    ///
    /// The first post to a member costs some scalar multiplications, a few tenths of a millisecond: who has other things
    /// to do meanwhile calls [`Self::prepare`] first. Each later one takes about a microsecond.
    pub fn seal(
        &mut self,
        content: &Content,
        recipients: &[(MemberId, PublicKey)],
    ) -> Result<Post, EnvelopeError> {
        self.prepare(recipients, usize::MAX)?;
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

    /// Does what [`Self::seal`] does only the first time, for at most `most` of these recipients. True where there was
    /// no more to do.
    pub fn prepare(
        &mut self,
        recipients: &[(MemberId, PublicKey)],
        most: usize,
    ) -> Result<bool, EnvelopeError> {
        self.check_recipients(recipients)?;
        let mut left = most;
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
            let pair = SendingPair::set_up(direction, &self.identity, key);
            vacant.insert(pair.ok_or(EnvelopeError::Unusable(to))?);
        }
        Ok(true)
    }

    /// Opens what the room delivered from a member, which was introduced with `from_key`. What does not open changes
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

    /// Forgets a member that left, but for its number: a server that brought it back could have its messages believed
    /// a second time. (Its key may come back: anyone can join with a copy of it, and would make its owner unreachable.)
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

    /// A number keeps its key, and one that left does not come back.
    fn check_member(&self, id: MemberId, key: PublicKey) -> Result<(), EnvelopeError> {
        if id == self.own_id {
            return Err(EnvelopeError::Own);
        }
        if self.departed.len() > MAX_DEPARTED {
            return Err(EnvelopeError::TooManyDeparted);
        }
        let sent_to = self.sending.get(&id).map(SendingPair::recipient);
        let received_from = self.receiving.get(&id).map(ReceivingPair::sender);
        let is_known_otherwise = sent_to
            .into_iter()
            .chain(received_from)
            .any(|known| known != key);
        if is_known_otherwise || self.departed.contains(&id) {
            return Err(EnvelopeError::NotTheSame(id));
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
                    ReceivingPair::open_first(direction, &self.identity, from_key, digest, sealed)?;
                vacant.insert(pair);
                Some(key)
            }
        }
    }
}

/// The key is used for this content only, so the nonce may be zero.
fn seal_content(key: &Key, content: &[u8]) -> Result<Vec<u8>, EncodeError> {
    Aes256Gcm::new(key.as_bytes().into())
        .encrypt(
            &nonce(0),
            Payload {
                msg: content,
                aad: CONTENT_LABEL,
            },
        )
        .map_err(|_| EncodeError::Unencodable)
}

fn open_content(key: &Key, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    Aes256Gcm::new(key.as_bytes().into())
        .decrypt(
            &nonce(0),
            Payload {
                msg: sealed,
                aad: CONTENT_LABEL,
            },
        )
        .map(Zeroizing::new)
        .ok()
}

impl fmt::Debug for Envelopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelopes")
            .field("own_id", &self.own_id)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// Why something can't be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// A post for nobody.
    #[error("a message needs at least one recipient")]
    NoRecipients,
    /// A post for more than [`MAX_MEMBERS`].
    #[error("a message to {0} recipients has more than the {MAX_MEMBERS} allowed")]
    TooManyRecipients(usize),
    /// A recipient named twice.
    #[error("{0} is named twice as a recipient")]
    DuplicateRecipient(MemberId),
    /// The sender itself as a recipient, or a delivery that claims to come from this member.
    #[error("a member sends nothing to itself")]
    Own,
    /// The member left, or its number now comes with another key than before.
    #[error("{0} is not who it was before; do not trust this server")]
    NotTheSame(MemberId),
    /// More than [`MAX_DEPARTED`] members have left.
    #[error("more than {MAX_DEPARTED} members have come and gone; join again")]
    TooManyDeparted,
    /// Changed, replayed, moved, for somebody else, or from somebody else.
    #[error(
        "a message from {0} is not authentic or not the next one: it was changed, repeated or lost on its way"
    )]
    NotAuthentic(MemberId),
    /// The sender sealed something that is no content.
    #[error("a message from {from} makes no sense: {error}")]
    Content {
        /// The sender.
        from: MemberId,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The content is too long.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A context is used up, or a key can't be used.
    #[error("nothing can be sealed for {0}; join again")]
    Unusable(MemberId),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::{bytes, unhex};
    use crate::{Cast, Text};

    /// Computed by an implementation of RFC 9180 in Python (hashlib, hmac, cryptography) that gives the vector of the
    /// RFC's A.1.3.
    #[test]
    fn envelopes_made_elsewhere_open() {
        let sender = Identity::from_seed(&bytes(128)).public_key();
        let mut envelopes = Envelopes::new(Identity::from_seed(&bytes(160)), MemberId(5));
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

    /// Eve, a recipient, knows the content's key. She seals another content with it, which decrypts perfectly, and has
    /// the server deliver that to Bob with Bob's part of the genuine post.
    #[test]
    fn a_recipient_can_t_put_another_content_to_anothers_part() {
        let [ada, bob, eve] = [128, 160, 192].map(|seed| Identity::from_seed(&bytes(seed)));
        let (ada_key, bob_key, eve_key) = (ada.public_key(), bob.public_key(), eve.public_key());
        let [mut ada, mut bob, mut eve] = [(ada, 1), (bob, 2), (eve, 3)]
            .map(|(identity, id)| Envelopes::new(identity, MemberId(id)));
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
    fn too_many_departed_members_end_the_session_instead_of_being_forgotten() {
        let other = Identity::from_seed(&bytes(128)).public_key();
        let mut envelopes = Envelopes::new(Identity::from_seed(&bytes(160)), MemberId(1));
        envelopes.departed = (2..).map(MemberId).take(MAX_DEPARTED + 1).collect();
        let content = Content::Text {
            cast: Cast::Unicast,
            text: Text::new("x").unwrap(),
        };
        let refused = envelopes.seal(&content, &[(MemberId(u32::MAX), other)]);
        assert_eq!(refused.unwrap_err(), EnvelopeError::TooManyDeparted);
    }
}
