//! End-to-end encryption: who can open a message, and which attacks by the server or a recipient fail.

use backroom_protocol::content::FileMessage;
use backroom_protocol::room::MAX_MEMBERS;
use backroom_protocol::{
    Cast, Content, EnvelopeError, Envelopes, KeyPair, MemberId, Part, Post, PublicKey, Reason,
    Text, TransferId,
};

const ADA: MemberId = MemberId(1);
const BOB: MemberId = MemberId(2);
const EVE: MemberId = MemberId(3);

struct Member {
    id: MemberId,
    key: PublicKey,
    envelopes: Envelopes,
}

impl Member {
    fn new(id: MemberId) -> Self {
        let key_pair = KeyPair::generate().expect("random bytes");
        Self {
            id,
            key: key_pair.public_key(),
            envelopes: Envelopes::new(key_pair, id),
        }
    }

    fn post(&mut self, content: &Content, to: &[&Self]) -> Post {
        let recipients: Vec<_> = to.iter().map(|member| (member.id, member.key)).collect();
        self.envelopes
            .seal(content, &recipients)
            .expect("good recipients")
    }

    fn open(
        &mut self,
        from: &Self,
        content: &[u8],
        sealed: &[u8],
    ) -> Result<Content, EnvelopeError> {
        self.envelopes.open(from.id, from.key, content, sealed)
    }

    fn open_own_part(&mut self, from: &Self, post: &Post) -> Result<Content, EnvelopeError> {
        let part = post
            .parts
            .iter()
            .find(|part| part.to == self.id)
            .expect("a part for this member");
        self.open(from, &post.content, &part.sealed)
    }
}

fn room() -> (Member, Member, Member) {
    (Member::new(ADA), Member::new(BOB), Member::new(EVE))
}

fn text(text: &str) -> Content {
    Content::Text {
        cast: Cast::Broadcast,
        text: Text::new(text).expect("short enough"),
    }
}

#[test]
fn each_recipient_opens_the_shared_content() {
    let (mut ada, mut bob, mut eve) = room();
    for i in 0..3 {
        let content = text(&format!("message {i}"));
        let post = ada.post(&content, &[&bob, &eve]);
        assert_eq!(post.parts.len(), 2);
        assert_eq!(bob.open_own_part(&ada, &post), Ok(content.clone()));
        assert_eq!(eve.open_own_part(&ada, &post), Ok(content));
    }
    let answer = text("and back");
    let post = bob.post(&answer, &[&ada]);
    assert_eq!(ada.open_own_part(&bob, &post), Ok(answer));
}

#[test]
fn every_kind_of_content_round_trips() {
    let (mut ada, mut bob, _) = room();
    let transfer = TransferId::generate().unwrap();
    for content in [
        Content::Text {
            cast: Cast::Blockcast,
            text: Text::new("x".repeat(65_536)).unwrap(),
        },
        text(""),
        Content::File(FileMessage::Finished {
            transfer,
            hash: Some([9; 32]),
        }),
        Content::File(FileMessage::Failed {
            transfer,
            reason: Reason::new("disk full"),
        }),
        Content::File(FileMessage::Cancel { transfer }),
    ] {
        let post = ada.post(&content, &[&bob]);
        assert_eq!(bob.open_own_part(&ada, &post), Ok(content));
    }
}

#[test]
fn a_non_recipient_cannot_open_it() {
    let (mut ada, bob, mut eve) = room();
    let post = ada.post(&text("not for eve"), &[&bob]);
    let stolen = &post.parts[0].sealed;
    assert_eq!(
        eve.open(&ada, &post.content, stolen),
        Err(EnvelopeError::NotAuthentic(ADA))
    );
}

#[test]
fn the_server_does_not_see_the_content() {
    let (mut ada, bob, _) = room();
    let post = ada.post(&text("a rather conspicuous sentence"), &[&bob]);
    let again = ada.post(&text("a rather conspicuous sentence"), &[&bob]);
    assert!(
        !post
            .content
            .windows(12)
            .any(|bytes| bytes == b"conspicuous ")
    );
    assert_ne!(
        post.content, again.content,
        "each content has a key of its own"
    );
}

#[test]
fn every_bit_flip_fails_and_the_original_still_opens() {
    let (mut ada, mut bob, _) = room();
    for round in ["first", "later"] {
        let content = text(round);
        let post = ada.post(&content, &[&bob]);
        let sealed = &post.parts[0].sealed;
        for bit in 0..8 * post.content.len() {
            let mut changed = post.content.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                bob.open(&ada, &changed, sealed),
                Err(EnvelopeError::NotAuthentic(ADA)),
                "{round}, bit {bit}"
            );
        }
        for bit in 0..8 * sealed.len() {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let opened = bob.open(&ada, &post.content, &changed);
            // X25519 ignores the top bit of a public key (RFC 7748, 5), but HPKE hashes it as it was sent.
            assert_eq!(
                opened,
                Err(EnvelopeError::NotAuthentic(ADA)),
                "{round}, part, bit {bit}"
            );
        }
        assert_eq!(bob.open_own_part(&ada, &post), Ok(content));
    }
}

#[test]
fn a_recipient_cannot_forge_the_senders_content() {
    let (mut ada, mut bob, mut eve) = room();
    let genuine = ada.post(&text("I said this"), &[&bob, &eve]);
    let other = ada.post(&text("I said that"), &[&eve]);
    let for_bob = &genuine.parts[0].sealed;
    assert_eq!(
        bob.open(&ada, &other.content, for_bob),
        Err(EnvelopeError::NotAuthentic(ADA))
    );
    // What Eve seals herself opens as hers and as nobody else's.
    let forged = eve.post(&text("Ada said this"), &[&bob]);
    assert_eq!(
        bob.open(&ada, &forged.content, &forged.parts[0].sealed),
        Err(EnvelopeError::NotAuthentic(ADA))
    );
    assert_eq!(bob.open_own_part(&eve, &forged), Ok(text("Ada said this")));
    assert_eq!(bob.open_own_part(&ada, &genuine), Ok(text("I said this")));
}

#[test]
fn the_server_cannot_redirect_a_part() {
    let (mut ada, mut bob, mut eve) = room();
    let post = ada.post(&text("hello"), &[&bob, &eve]);
    let (for_bob, for_eve) = (&post.parts[0].sealed, &post.parts[1].sealed);
    assert_eq!(
        bob.open(&ada, &post.content, for_eve),
        Err(EnvelopeError::NotAuthentic(ADA))
    );
    assert_eq!(
        eve.open(&ada, &post.content, for_bob),
        Err(EnvelopeError::NotAuthentic(ADA))
    );
    // Another number for the same key, or another key for the same number, is another sender.
    let other_id = bob.envelopes.open(EVE, ada.key, &post.content, for_bob);
    assert_eq!(other_id, Err(EnvelopeError::NotAuthentic(EVE)));
    let other_key = bob.envelopes.open(ADA, eve.key, &post.content, for_bob);
    assert_eq!(other_key, Err(EnvelopeError::NotAuthentic(ADA)));
}

#[test]
fn the_server_cannot_assign_two_numbers() {
    let key_pair = KeyPair::generate().unwrap();
    let bob_key = key_pair.public_key();
    let mut bob = Envelopes::new(key_pair, MemberId(9));
    let mut ada = Member::new(ADA);
    let post = ada
        .envelopes
        .seal(&text("hello"), &[(BOB, bob_key)])
        .unwrap();
    let opened = bob.open(ADA, ada.key, &post.content, &post.parts[0].sealed);
    assert_eq!(opened, Err(EnvelopeError::NotAuthentic(ADA)));
}

#[test]
fn replayed_reordered_and_dropped_messages_do_not_open() {
    let (mut ada, mut bob, _) = room();
    let posts: Vec<_> = (0..4)
        .map(|i| ada.post(&text(&i.to_string()), &[&bob]))
        .collect();
    let refused = Err(EnvelopeError::NotAuthentic(ADA));
    assert_eq!(
        bob.open_own_part(&ada, &posts[1]),
        refused,
        "the first is missing"
    );
    assert_eq!(bob.open_own_part(&ada, &posts[0]), Ok(text("0")));
    assert_eq!(
        bob.open_own_part(&ada, &posts[0]),
        refused,
        "the first again"
    );
    assert_eq!(
        bob.open_own_part(&ada, &posts[2]),
        refused,
        "the third for the second"
    );
    assert_eq!(bob.open_own_part(&ada, &posts[1]), Ok(text("1")));
    assert_eq!(
        bob.open_own_part(&ada, &posts[1]),
        refused,
        "the second again"
    );
    assert_eq!(
        bob.open_own_part(&ada, &posts[3]),
        refused,
        "the fourth for the third"
    );
}

#[test]
fn a_part_of_one_message_does_not_open_the_content_of_another() {
    let (mut ada, mut bob, _) = room();
    let first = ada.post(&text("first"), &[&bob]);
    let second = ada.post(&text("second"), &[&bob]);
    let swapped = bob.open(&ada, &second.content, &first.parts[0].sealed);
    assert_eq!(swapped, Err(EnvelopeError::NotAuthentic(ADA)));
}

#[test]
fn messages_of_a_departed_member_cannot_be_replayed() {
    let (mut ada, mut bob, _) = room();
    let post = ada.post(&text("once"), &[&bob]);
    assert_eq!(bob.open_own_part(&ada, &post), Ok(text("once")));
    bob.envelopes.forget(ADA);
    assert_eq!(
        bob.open_own_part(&ada, &post),
        Err(EnvelopeError::IdentityChanged(ADA))
    );
    let sealed = bob.envelopes.seal(&text("to whom?"), &[(ADA, ada.key)]);
    assert_eq!(sealed.unwrap_err(), EnvelopeError::IdentityChanged(ADA));
}

#[test]
fn a_departed_copy_of_a_key_does_not_lock_out_its_owner() {
    let (mut ada, mut bob, eve) = room();
    let copycat = MemberId(66);
    ada.envelopes
        .seal(&text("to all"), &[(BOB, bob.key), (copycat, bob.key)])
        .unwrap();
    ada.envelopes.forget(copycat);
    let post = ada
        .envelopes
        .seal(&text("to all"), &[(BOB, bob.key), (EVE, eve.key)])
        .unwrap();
    assert_eq!(post.parts.len(), 2);
    // Bob holds the key, but the copy's parts were sealed for another number.
    let mut other = Member::new(ADA);
    let post = other
        .envelopes
        .seal(&text("for the copy"), &[(copycat, bob.key)])
        .unwrap();
    assert!(
        bob.envelopes
            .open(ADA, other.key, &post.content, &post.parts[0].sealed)
            .is_err()
    );
}

#[test]
fn a_number_with_a_changed_key_is_rejected() {
    let (mut ada, mut bob, eve) = room();
    let post = ada.post(&text("hello"), &[&bob]);
    bob.open_own_part(&ada, &post).unwrap();
    let replaced = ada.envelopes.seal(&text("secret"), &[(BOB, eve.key)]);
    assert_eq!(replaced.unwrap_err(), EnvelopeError::IdentityChanged(BOB));
    let replaced = bob.envelopes.seal(&text("secret"), &[(ADA, eve.key)]);
    assert_eq!(replaced.unwrap_err(), EnvelopeError::IdentityChanged(ADA));
}

#[test]
fn invalid_recipients_are_rejected_before_sealing() {
    let (mut ada, mut bob, eve) = room();
    let key = ada.key;
    let mut refused = |recipients: &[(MemberId, PublicKey)]| {
        ada.envelopes.seal(&text("x"), recipients).unwrap_err()
    };
    assert_eq!(refused(&[]), EnvelopeError::NoRecipients);
    assert_eq!(
        refused(&[(BOB, bob.key), (BOB, bob.key)]),
        EnvelopeError::DuplicateRecipient(BOB)
    );
    assert_eq!(
        refused(&[(BOB, bob.key), (ADA, key)]),
        EnvelopeError::ToSelf
    );
    let crowd: Vec<_> = (10..)
        .map(|id| (MemberId(id), eve.key))
        .take(MAX_MEMBERS + 1)
        .collect();
    assert_eq!(
        refused(&crowd),
        EnvelopeError::TooManyRecipients(MAX_MEMBERS + 1)
    );
    let post = ada.post(&text("the order was kept"), &[&bob]);
    assert_eq!(
        bob.open_own_part(&ada, &post),
        Ok(text("the order was kept"))
    );
}

#[test]
fn malformed_parts_are_rejected_and_never_panic() {
    let (mut ada, mut bob, _) = room();
    let post = ada.post(&text("x"), &[&bob]);
    let Part { sealed, .. } = &post.parts[0];
    for bytes in 0..sealed.len() {
        assert!(bob.open(&ada, &post.content, &sealed[..bytes]).is_err());
    }
    // An encapsulated key of small order gives no secret that anyone could know.
    let mut small = sealed.clone();
    small[1..33].fill(0);
    assert!(bob.open(&ada, &post.content, &small).is_err());
    assert!(bob.open(&ada, &[], sealed).is_err());
}

#[test]
fn a_new_session_does_not_open_earlier_messages() {
    let (mut ada, bob, _) = room();
    let post = ada.post(&text("for the old session"), &[&bob]);
    let mut bob_again = Member::new(BOB);
    assert!(bob_again.open_own_part(&ada, &post).is_err());
}

#[test]
fn a_post_prepared_in_steps_opens() {
    let (mut ada, mut bob, mut eve) = room();
    let recipients = [(BOB, bob.key), (EVE, eve.key)];
    assert_eq!(ada.envelopes.prepare(&recipients, 1), Ok(false));
    assert_eq!(ada.envelopes.prepare(&recipients, 1), Ok(true));
    assert_eq!(
        ada.envelopes.prepare(&recipients, 0),
        Ok(true),
        "nothing is left to do"
    );
    let post = ada.post(&text("to both"), &[&bob, &eve]);
    assert_eq!(bob.open_own_part(&ada, &post), Ok(text("to both")));
    assert_eq!(eve.open_own_part(&ada, &post), Ok(text("to both")));
}
