//! Posts and their recipients.

use backroom_protocol::room::Join;

use super::*;

#[test]
fn a_post_reaches_exactly_its_recipients() {
    let mut test_room = TestRoom::new();
    let [ann, bob, eve] = test_room.three();
    test_room.says(ann, post(b"for Bob", &[bob]));
    assert_eq!(test_room.got(bob), [delivery(ann, b"for Bob", bob)]);
    assert_eq!(test_room.got(eve), []);
    assert_eq!(test_room.got(ann), []);
    test_room.says(ann, post(b"for both", &[bob, eve]));
    for other in [bob, eve] {
        assert_eq!(test_room.got(other), [delivery(ann, b"for both", other)]);
    }
}

#[test]
fn the_sender_learns_of_missing_recipients_and_the_others_get_the_post() {
    let mut test_room = TestRoom::new();
    let [ann, bob, eve] = test_room.three();
    test_room.leaves(bob);
    test_room.forget();
    let nobody = MemberId(99);
    test_room.says(ann, post(b"hello", &[bob, eve, nobody]));
    assert_eq!(test_room.got(eve), [delivery(ann, b"hello", eve)]);
    let to = vec![bob, nobody];
    assert_eq!(test_room.got(ann), [ServerMessage::Undelivered { to }]);
}

#[test]
fn ping_and_users_are_answered() {
    let mut test_room = TestRoom::new();
    let [ann, ..] = test_room.three();
    test_room.says(ann, ClientMessage::Ping);
    test_room.says(ann, ClientMessage::Users);
    let [ServerMessage::Pong, ServerMessage::Users(users)] = &test_room.got(ann)[..] else {
        panic!("a pong and the users should come back");
    };
    assert_eq!(names(users), ["Ann", "Bob", "Eve"]);
}

#[test]
fn a_second_join_is_rejected_and_former_members_are_ignored() {
    let mut test_room = TestRoom::new();
    let [ann, bob, eve] = test_room.three();
    let join = ClientMessage::Join(Join {
        name: name("Other"),
        public_key: KeyPair::generate().unwrap().public_key(),
        features: Features::NONE,
        credential: None,
    });
    test_room.says(ann, join);
    assert!(is_rejection(&test_room.got(ann)[0]));
    test_room.says(bob, ClientMessage::Leave);
    test_room.forget();
    test_room.says(bob, post(b"from the beyond", &[ann, eve]));
    test_room.votes(bob, eve);
    assert!(test_room.inboxes.is_empty());
}
