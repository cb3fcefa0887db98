//! One direction between two members: an HPKE context (RFC 9180) in auth mode, used in order.
//!
//! What it seals is the key of a content. Sealed, that is a byte that says whether the encapsulated key follows (only
//! the first time), then the encapsulated key, then ciphertext and tag.

use hpke::aead::{AeadCtxR, AeadCtxS, AesGcm256};
use hpke::kdf::HkdfSha256;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable, setup_receiver, setup_sender};
use zeroize::Zeroizing;

use crate::identity::{Identity, Kem, PublicKey};
use crate::key::Key;
use crate::record::TAG_BYTES;
use crate::room::MemberId;

/// The longest sealed content key: the first of a pair carries HPKE's encapsulated key.
pub const MAX_SEALED_KEY_BYTES: usize = 1 + ENCAPSULATED_BYTES + 32 + TAG_BYTES;

const ENCAPSULATED_BYTES: usize = 32;
const SETUP_LABEL: &[u8] = b"backroom envelope v1";
const PART_LABEL: &[u8] = b"backroom part v1";

/// The first byte of a sealed content key: the context exists already.
const NEXT: u8 = 0;
/// The first byte of a sealed content key: an encapsulated key follows.
const FIRST: u8 = 1;

/// Who talks to whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Direction {
    pub(super) from: MemberId,
    pub(super) to: MemberId,
}

impl Direction {
    /// HPKE's `info`: the use, and who talks to whom. The public keys are bound by auth mode itself.
    fn setup_info(self) -> Vec<u8> {
        [
            SETUP_LABEL,
            &self.from.0.to_be_bytes(),
            &self.to.0.to_be_bytes(),
        ]
        .concat()
    }

    /// What is authenticated with a content's key: the sealed content, and again who talks to whom.
    fn part_data(self, content_digest: &[u8; 32]) -> Vec<u8> {
        [
            PART_LABEL,
            &self.from.0.to_be_bytes(),
            &self.to.0.to_be_bytes(),
            content_digest,
        ]
        .concat()
    }
}

/// The sending end.
pub(super) struct SendingPair {
    direction: Direction,
    recipient: PublicKey,
    context: AeadCtxS<AesGcm256, HkdfSha256, Kem>,
    /// HPKE's encapsulated key, until it has been sent.
    encapsulated: Option<[u8; ENCAPSULATED_BYTES]>,
}

impl SendingPair {
    /// Some scalar multiplications: a few tenths of a millisecond.
    pub(super) fn set_up(
        direction: Direction,
        own: &Identity,
        recipient: PublicKey,
    ) -> Option<Self> {
        let mode = OpModeS::Auth(own.key_pair());
        let (encapsulated, context) =
            setup_sender(&mode, &recipient.to_kem()?, &direction.setup_info()).ok()?;
        let encapsulated: <Kem as hpke::Kem>::EncappedKey = encapsulated;
        Some(Self {
            direction,
            recipient,
            context,
            encapsulated: Some(encapsulated.to_bytes().into()),
        })
    }

    pub(super) fn recipient(&self) -> PublicKey {
        self.recipient
    }

    /// `None` only after 2^64 messages.
    pub(super) fn seal(&mut self, content_key: &Key, content_digest: &[u8; 32]) -> Option<Vec<u8>> {
        let data = self.direction.part_data(content_digest);
        let sealed_key = self.context.seal(content_key.as_bytes(), &data).ok()?;
        Some(match self.encapsulated.take() {
            Some(encapsulated) => [&[FIRST], &encapsulated[..], &sealed_key].concat(),
            None => [&[NEXT], &sealed_key[..]].concat(),
        })
    }
}

/// The receiving end. It exists from the first message that opened.
pub(super) struct ReceivingPair {
    direction: Direction,
    sender: PublicKey,
    context: AeadCtxR<AesGcm256, HkdfSha256, Kem>,
}

impl ReceivingPair {
    /// Sets the context up with the first message and opens that. `None` if it is no first message, or not authentic.
    pub(super) fn open_first(
        direction: Direction,
        own: &Identity,
        sender: PublicKey,
        content_digest: &[u8; 32],
        sealed: &[u8],
    ) -> Option<(Self, Key)> {
        let (&FIRST, rest) = sealed.split_first()? else {
            return None;
        };
        let (encapsulated, sealed_key) = rest.split_first_chunk::<ENCAPSULATED_BYTES>()?;
        let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).ok()?;
        let mode = OpModeR::Auth(sender.to_kem()?);
        let context = setup_receiver(
            &mode,
            own.private_key(),
            &encapsulated,
            &direction.setup_info(),
        )
        .ok()?;
        let mut pair = Self {
            direction,
            sender,
            context,
        };
        let key = pair.open_key(content_digest, sealed_key)?;
        Some((pair, key))
    }

    pub(super) fn sender(&self) -> PublicKey {
        self.sender
    }

    /// Opens the next message. `None`, and nothing changed, if it is not the next or not authentic.
    pub(super) fn open_next(&mut self, content_digest: &[u8; 32], sealed: &[u8]) -> Option<Key> {
        let (&NEXT, sealed_key) = sealed.split_first()? else {
            return None;
        };
        self.open_key(content_digest, sealed_key)
    }

    fn open_key(&mut self, content_digest: &[u8; 32], sealed_key: &[u8]) -> Option<Key> {
        let data = self.direction.part_data(content_digest);
        let bytes = Zeroizing::new(self.context.open(sealed_key, &data).ok()?);
        Some(Key::from_bytes(bytes.as_slice().try_into().ok()?))
    }
}
