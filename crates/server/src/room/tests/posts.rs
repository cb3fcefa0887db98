//! What members say, and who gets it.

use super::*;

#[test]
fn a_post_reaches_those_it_is_for_and_nobody_else() {
    let mut house = House::new();
    let [ann, bob, eve] = house.three();
    house.says(ann, post(b"for Bob", &[bob]));
    assert_eq!(house.got(bob), [delivery(ann, b"for Bob", bob)]);
    assert_eq!(house.got(eve), []);
    assert_eq!(house.got(ann), []);
    house.says(ann, post(b"for both", &[bob, eve]));
    for other in [bob, eve] {
        assert_eq!(house.got(other), [delivery(ann, b"for both", other)]);
    }
}

#[test]
fn the_sender_hears_who_was_not_there_and_the_others_get_their_parts() {
    let mut house = House::new();
    let [ann, bob, eve] = house.three();
    house.leaves(bob);
    house.forget();
    let nobody = MemberId(99);
    house.says(ann, post(b"hello", &[bob, eve, nobody]));
    assert_eq!(house.got(eve), [delivery(ann, b"hello", eve)]);
    let to = vec![bob, nobody];
    assert_eq!(house.got(ann), [ServerMessage::Undelivered { to }]);
}

#[test]
fn a_ping_is_answered_and_users_are_listed() {
    let mut house = House::new();
    let [ann, ..] = house.three();
    house.says(ann, ClientMessage::Ping);
    house.says(ann, ClientMessage::Users);
    let [ServerMessage::Pong, ServerMessage::Users(users)] = &house.got(ann)[..] else {
        panic!("a pong and the users should come back");
    };
    assert_eq!(names(users), ["Ann", "Bob", "Eve"]);
}

#[test]
fn joining_twice_is_rejected_and_who_has_left_is_not_heard() {
    let mut house = House::new();
    let [ann, bob, eve] = house.three();
    let join = ClientMessage::Join {
        name: name("Other"),
        public_key: Identity::generate().unwrap().public_key(),
    };
    house.says(ann, join);
    assert!(is_rejection(&house.got(ann)[0]));
    house.says(bob, ClientMessage::Leave);
    house.forget();
    house.says(bob, post(b"from the beyond", &[ann, eve]));
    house.votes(bob, eve);
    assert!(house.inboxes.is_empty());
}
