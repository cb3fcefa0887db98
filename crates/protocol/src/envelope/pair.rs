//! One direction between two members: an HPKE context (RFC 9180) in auth mode, used in order.
//!
//! It seals the keys of contents. A sealed key consists of a byte that tells whether an encapsulated key follows, the
//! encapsulated key (in the first message only), ciphertext and tag.

use hpke::aead::{AeadCtxR, AeadCtxS, AesGcm256};
use hpke::kdf::HkdfSha256;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable, setup_receiver, setup_sender};
use zeroize::Zeroizing;

use crate::key::Key;
use crate::key_pair::{Kem, KeyPair, PublicKey};
use crate::post::{ENCAPSULATED_BYTES, MemberId};

const SETUP_LABEL: &[u8] = b"backroom envelope v1";
const PART_LABEL: &[u8] = b"backroom part v1";

/// The first byte of a sealed content key if the context already exists.
const NEXT: u8 = 0;
/// The first byte of a sealed content key if an encapsulated key follows.
const FIRST: u8 = 1;

#[derive(Debug, Clone, Copy)]
pub(super) struct Direction {
    pub(super) from: MemberId,
    pub(super) to: MemberId,
}

impl Direction {
    /// HPKE's `info`: the purpose and the members. Auth mode itself binds the public keys.
    fn setup_info(self) -> Vec<u8> {
        self.labelled(SETUP_LABEL, &[])
    }

    /// The associated data of a content's key: the digest of the sealed content, and again the members.
    fn part_data(self, content_digest: &[u8; 32]) -> Vec<u8> {
        self.labelled(PART_LABEL, content_digest)
    }

    fn labelled(self, label: &[u8], rest: &[u8]) -> Vec<u8> {
        let (from, to) = (self.from.0.to_be_bytes(), self.to.0.to_be_bytes());
        [label, &from, &to, rest].concat()
    }
}

/// Seals content keys for one recipient.
pub(super) struct SendingPair {
    direction: Direction,
    pub(super) recipient: PublicKey,
    context: AeadCtxS<AesGcm256, HkdfSha256, Kem>,
    /// HPKE's encapsulated key, until it has been sent.
    encapsulated: Option<[u8; ENCAPSULATED_BYTES]>,
}

impl SendingPair {
    /// Takes a few tenths of a millisecond. Returns `None` if the recipient's key is invalid.
    pub(super) fn set_up(
        direction: Direction,
        own: &KeyPair,
        recipient: PublicKey,
    ) -> Option<Self> {
        let mode = OpModeS::Auth((own.private_key.clone(), own.public_key.clone()));
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

    /// Returns `None` only after 2^64 messages.
    pub(super) fn seal(&mut self, content_key: &Key, content_digest: &[u8; 32]) -> Option<Vec<u8>> {
        let data = self.direction.part_data(content_digest);
        let sealed_key = self.context.seal(content_key.as_bytes(), &data).ok()?;
        Some(match self.encapsulated.take() {
            Some(encapsulated) => [&[FIRST], &encapsulated[..], &sealed_key].concat(),
            None => [&[NEXT], &sealed_key[..]].concat(),
        })
    }
}

/// Opens content keys from one sender. It exists once the first message has opened.
pub(super) struct ReceivingPair {
    direction: Direction,
    pub(super) sender: PublicKey,
    context: AeadCtxR<AesGcm256, HkdfSha256, Kem>,
}

impl ReceivingPair {
    /// Sets up the context from the first message and opens it. Returns `None` if it is not a first message, or not
    /// authentic.
    pub(super) fn open_first(
        direction: Direction,
        own: &KeyPair,
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
        let info = direction.setup_info();
        let context = setup_receiver(&mode, &own.private_key, &encapsulated, &info).ok()?;
        let mut pair = Self {
            direction,
            sender,
            context,
        };
        let key = pair.open_key(content_digest, sealed_key)?;
        Some((pair, key))
    }

    /// Opens the next message. Returns `None` and changes nothing if it is not the next one, or not authentic.
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
