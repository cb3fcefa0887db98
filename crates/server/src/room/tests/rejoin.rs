//! A client that asks for the name of a member with its own identity.

use backroom_protocol::handshake::{Agreement, ServerIdentity, VERSION};
use backroom_protocol::{Identity, Join};

use super::*;

/// A client with this name and this identity.
fn owner(text: &str, seed: u8) -> Member {
    let identity = Identity::from_seed(&[seed; 32]);
    let agreement = Agreement {
        version: VERSION,
        features: Features::NONE,
        server: ServerIdentity::ephemeral().unwrap().server_key(),
        binding: [2; 32].into(),
    };
    let member = member(text, "192.0.2.1:1", LOCAL);
    let join = Join::new(name(text), member.public_key, Some(&identity), &agreement);
    Member {
        credential: join.credential,
        ..member
    }
}

impl TestRoom {
    fn join_as(&mut self, text: &str, seed: u8) -> Result<MemberId, JoinError> {
        let joined = self.room.join(self.now, owner(text, seed));
        self.drain();
        joined
    }

    /// Asks for the name of this member, and lets the room ask the member.
    fn probe_for(&mut self, holder: MemberId) {
        let refused = self.join_as("ANN", 1).unwrap_err();
        assert!(matches!(refused, JoinError::OwnName { by, .. } if by == holder));
        self.room.probe(self.now, holder);
        self.drain();
        assert!(self.room.is_probed(holder));
    }
}

#[test]
fn a_silent_member_is_replaced_after_two_seconds() {
    let mut test_room = TestRoom::new();
    let ann = test_room.join_as("Ann", 1).unwrap();
    let bob = test_room.join("Bob");
    test_room.forget();
    test_room.probe_for(ann);
    // A second client does not ask again.
    test_room.probe_for(ann);
    assert_eq!(test_room.got(ann), [ServerMessage::Ping]);
    assert_eq!(
        test_room.room.poll_timeout(),
        Some(test_room.now + PROBE_TIME)
    );
    test_room.passes(PROBE_TIME - Duration::from_nanos(1));
    assert!(test_room.room.is_probed(ann));
    test_room.passes(Duration::from_nanos(1));
    assert!(!test_room.room.is_probed(ann));
    assert_eq!(test_room.room.poll_timeout(), None);
    assert_eq!(test_room.got(bob), [ServerMessage::MemberLeft { id: ann }]);
    let told = test_room.got(ann);
    assert!(
        matches!(told[..], [ServerMessage::Closing { .. }]),
        "{told:?}"
    );
    assert_eq!(test_room.ended, [(ann, false)]);
    assert_ne!(test_room.join_as("Ann", 1).unwrap(), ann);
}

#[test]
fn any_message_is_an_answer() {
    let mut test_room = TestRoom::new();
    let ann = test_room.join_as("Ann", 1).unwrap();
    for message in [ClientMessage::Pong, ClientMessage::Users] {
        test_room.probe_for(ann);
        test_room.says(ann, message);
        assert!(!test_room.room.is_probed(ann));
        test_room.passes(PROBE_TIME);
        assert!(test_room.ended.is_empty());
    }
}

#[test]
fn a_member_that_leaves_ends_the_wait() {
    let mut test_room = TestRoom::new();
    let ann = test_room.join_as("Ann", 1).unwrap();
    test_room.probe_for(ann);
    test_room.leaves(ann);
    assert!(!test_room.room.is_probed(ann));
    assert!(test_room.join_as("Ann", 1).is_ok());
}

#[test]
fn only_the_same_identity_may_ask() {
    let mut test_room = TestRoom::new();
    test_room.join_as("Ann", 1).unwrap();
    let refusal = JoinError::Refused(Refusal::NameTaken {
        suggestion: Some(name("Ann2")),
    });
    assert_eq!(test_room.join_as("Ann", 2), Err(refusal));
    assert!(test_room.try_join("Ann", "192.0.2.1:1").is_err());
    // Nor may a client without an identity ask a member without one.
    test_room.join("Bob");
    let refused = test_room
        .room
        .join(test_room.now, member("Bob", "192.0.2.1:1", LOCAL));
    assert!(matches!(refused, Err(JoinError::Refused(_))));
}

#[test]
fn a_full_room_does_not_lock_a_lost_member_out() {
    let mut test_room = TestRoom::with(|config| config.max_members = 1);
    let ann = test_room.join_as("Ann", 1).unwrap();
    test_room.probe_for(ann);
    test_room.passes(PROBE_TIME);
    assert!(test_room.join_as("Ann", 1).is_ok());
    let full = JoinError::Refused(Refusal::RoomFull { limit: 1 });
    assert_eq!(test_room.join_as("Bob", 1), Err(full));
}
