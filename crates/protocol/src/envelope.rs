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

use std::collections::{HashMap, HashSet};
use std::fmt;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use hpke::aead::{AeadCtxR, AeadCtxS, AesGcm256};
use hpke::kdf::HkdfSha256;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable, setup_receiver, setup_sender};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::codec::{DecodeError, EncodeError};
use crate::content::{Content, MAX_CONTENT_BYTES};
use crate::identity::{Identity, Kem, PublicKey};
use crate::key::{Key, RandomError};
use crate::record::{TAG_BYTES, nonce};
use crate::room::{MAX_MEMBERS, MemberId, Part, Post};

/// The longest sealed content.
pub const MAX_SEALED_CONTENT_BYTES: usize = MAX_CONTENT_BYTES + TAG_BYTES;

/// The longest sealed content key: the first of a pair carries HPKE's encapsulated key.
pub const MAX_SEALED_KEY_BYTES: usize = 1 + ENCAPSULATED_BYTES + 32 + TAG_BYTES;

/// How many members that left are remembered, so that what they sent is not believed a second time (some 8 MiB).
pub const MAX_DEPARTED: usize = 1 << 20;

const ENCAPSULATED_BYTES: usize = 32;
const SETUP_LABEL: &[u8] = b"backroom envelope v1";
const PART_LABEL: &[u8] = b"backroom part v1";
const CONTENT_LABEL: &[u8] = b"backroom content v1";

/// The first byte of a sealed content key: an encapsulated key follows.
const FIRST: u8 = 1;
/// The first byte of a sealed content key: the context exists already.
const NEXT: u8 = 0;

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
    /// A key that can't be used, or a context used up.
    #[error("nothing can be sealed for {0}")]
    Unusable(MemberId),
}

type SendContext = AeadCtxS<AesGcm256, HkdfSha256, Kem>;
type ReceiveContext = AeadCtxR<AesGcm256, HkdfSha256, Kem>;

/// One member's envelopes, in both directions, for one session.
///
/// Posts must be sent in the order in which they were sealed.
pub struct Envelopes {
    identity: Identity,
    own_id: MemberId,
    sending: HashMap<MemberId, Sending>,
    receiving: HashMap<MemberId, Receiving>,
    departed: HashSet<MemberId>,
}

struct Sending {
    key: PublicKey,
    context: SendContext,
    /// HPKE's encapsulated key, until it has been sent.
    encapsulated: Option<[u8; ENCAPSULATED_BYTES]>,
}

struct Receiving {
    key: PublicKey,
    context: ReceiveContext,
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

    /// Seals a content for its recipients. The first post to a member costs three scalar multiplications (about
    /// 0.1 ms), each later one about a microsecond. On an error nothing is sealed, for nobody.
    pub fn seal(
        &mut self,
        content: &Content,
        recipients: &[(MemberId, PublicKey)],
    ) -> Result<Post, EnvelopeError> {
        self.check_recipients(recipients)?;
        let content_key = Key::generate()?;
        let sealed_content = seal_content(&content_key, &content.encode()?)?;
        for &(to, key) in recipients {
            self.set_up_sending(to, key)?;
        }
        let digest = Sha256::digest(&sealed_content).into();
        let parts = recipients
            .iter()
            .map(|&(to, _)| {
                Ok(Part {
                    to,
                    sealed: self.seal_part(to, &content_key, &digest)?,
                })
            })
            .collect::<Result<_, EnvelopeError>>()?;
        Ok(Post {
            content: sealed_content,
            parts,
        })
    }

    /// Opens what the room delivered from a member, which `from_key` was introduced with. What does not open changes
    /// nothing: the next authentic message of that member still opens.
    pub fn open(
        &mut self,
        from: MemberId,
        from_key: PublicKey,
        content: &[u8],
        sealed: &[u8],
    ) -> Result<Content, EnvelopeError> {
        self.check_member(from, from_key)?;
        let content_key = self.open_part(from, from_key, content, sealed)?;
        let plaintext = Zeroizing::new(
            open_content(&content_key, content).ok_or(EnvelopeError::NotAuthentic(from))?,
        );
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
        let sent_to = self.sending.get(&id).map(|sending| sending.key);
        let received_from = self.receiving.get(&id).map(|receiving| receiving.key);
        let is_known_otherwise = sent_to
            .into_iter()
            .chain(received_from)
            .any(|known| known != key);
        if is_known_otherwise || self.departed.contains(&id) {
            return Err(EnvelopeError::NotTheSame(id));
        }
        Ok(())
    }

    fn set_up_sending(&mut self, to: MemberId, key: PublicKey) -> Result<(), EnvelopeError> {
        if self.sending.contains_key(&to) {
            return Ok(());
        }
        let unusable = |_| EnvelopeError::Unusable(to);
        let recipient = key.to_kem().map_err(|_| EnvelopeError::Unusable(to))?;
        let mode = OpModeS::Auth(self.identity.key_pair());
        let (encapsulated, context): (_, SendContext) =
            setup_sender(&mode, &recipient, &setup_info(self.own_id, to)).map_err(unusable)?;
        let encapsulated = Some(encapsulated.to_bytes().into());
        self.sending.insert(
            to,
            Sending {
                key,
                context,
                encapsulated,
            },
        );
        Ok(())
    }

    fn seal_part(
        &mut self,
        to: MemberId,
        content_key: &Key,
        digest: &[u8; 32],
    ) -> Result<Vec<u8>, EnvelopeError> {
        let sending = self
            .sending
            .get_mut(&to)
            .ok_or(EnvelopeError::Unusable(to))?;
        let sealed_key = sending
            .context
            .seal(content_key.as_bytes(), &part_data(self.own_id, to, digest))
            .map_err(|_| EnvelopeError::Unusable(to))?;
        Ok(match sending.encapsulated.take() {
            Some(encapsulated) => [&[FIRST], &encapsulated[..], &sealed_key].concat(),
            None => [&[NEXT], &sealed_key[..]].concat(),
        })
    }

    fn open_part(
        &mut self,
        from: MemberId,
        from_key: PublicKey,
        content: &[u8],
        sealed: &[u8],
    ) -> Result<Key, EnvelopeError> {
        let not_authentic = EnvelopeError::NotAuthentic(from);
        let data = part_data(from, self.own_id, &Sha256::digest(content).into());
        match (sealed.split_first(), self.receiving.get_mut(&from)) {
            (Some((&NEXT, sealed_key)), Some(receiving)) => {
                open_key(&mut receiving.context, sealed_key, &data).ok_or(not_authentic)
            }
            (Some((&FIRST, rest)), None) => {
                let (encapsulated, sealed_key) =
                    rest.split_first_chunk().ok_or(not_authentic.clone())?;
                let mut context = self
                    .set_up_receiving(from, from_key, encapsulated)
                    .ok_or(not_authentic.clone())?;
                let content_key = open_key(&mut context, sealed_key, &data).ok_or(not_authentic)?;
                self.receiving.insert(
                    from,
                    Receiving {
                        key: from_key,
                        context,
                    },
                );
                Ok(content_key)
            }
            _ => Err(not_authentic),
        }
    }

    fn set_up_receiving(
        &self,
        from: MemberId,
        from_key: PublicKey,
        encapsulated: &[u8; ENCAPSULATED_BYTES],
    ) -> Option<ReceiveContext> {
        let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).ok()?;
        let mode = OpModeR::Auth(from_key.to_kem().ok()?);
        let info = setup_info(from, self.own_id);
        setup_receiver(&mode, self.identity.private_key(), &encapsulated, &info).ok()
    }
}

/// HPKE's `info`: the use, and who talks to whom. The public keys are bound by auth mode itself.
fn setup_info(from: MemberId, to: MemberId) -> Vec<u8> {
    [SETUP_LABEL, &from.0.to_be_bytes(), &to.0.to_be_bytes()].concat()
}

/// What is authenticated with a content's key.
fn part_data(from: MemberId, to: MemberId, digest: &[u8; 32]) -> Vec<u8> {
    [
        PART_LABEL,
        &from.0.to_be_bytes(),
        &to.0.to_be_bytes(),
        digest,
    ]
    .concat()
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
        .map_err(|_| EncodeError::OutOfBounds)
}

fn open_content(key: &Key, sealed: &[u8]) -> Option<Vec<u8>> {
    Aes256Gcm::new(key.as_bytes().into())
        .decrypt(
            &nonce(0),
            Payload {
                msg: sealed,
                aad: CONTENT_LABEL,
            },
        )
        .ok()
}

fn open_key(context: &mut ReceiveContext, sealed: &[u8], data: &[u8]) -> Option<Key> {
    let bytes = Zeroizing::new(context.open(sealed, data).ok()?);
    Some(Key::from_bytes(bytes.as_slice().try_into().ok()?))
}

impl fmt::Debug for Envelopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelopes")
            .field("own_id", &self.own_id)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}
