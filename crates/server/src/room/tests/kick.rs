//! Removing a member: votes, their expiry, and the ban.

use super::*;

#[test]
fn two_votes_remove_a_member_and_everyone_is_notified() {
    let mut test_room = TestRoom::new();
    let [ann, bob, eve] = test_room.three();
    test_room.votes(ann, eve);
    for member in [ann, bob, eve] {
        assert_eq!(test_room.got(member), [vote(eve, 1)]);
    }
    test_room.votes(bob, eve);
    let kicked = ServerMessage::Kicked {
        target: eve,
        name: name("Eve"),
    };
    assert_eq!(test_room.got(eve), [vote(eve, 2), kicked.clone()]);
    let left = ServerMessage::MemberLeft { id: eve };
    for member in [ann, bob] {
        assert_eq!(
            test_room.got(member),
            [vote(eve, 2), kicked.clone(), left.clone()]
        );
    }
    assert_eq!(test_room.ended, [(eve, false)]);
    assert_eq!(
        test_room.notices,
        [Notice::Disconnected {
            name: name("Eve"),
            departure: Departure::Kicked
        }]
    );
}

#[test]
fn a_single_member_cannot_remove_anyone() {
    let mut test_room = TestRoom::with(|config| config.kick_votes = 0);
    let [ann, _, eve] = test_room.three();
    test_room.votes(ann, eve);
    test_room.forget();
    test_room.votes(ann, eve);
    test_room.votes(eve, eve);
    test_room.votes(ann, MemberId(99));
    assert_eq!(
        test_room
            .got(ann)
            .iter()
            .filter(|m| is_rejection(m))
            .count(),
        2
    );
    assert!(is_rejection(&test_room.got(eve)[0]));
    assert!(test_room.ended.is_empty());
}

#[test]
fn the_vote_of_a_former_member_does_not_count() {
    let mut test_room = TestRoom::new();
    let [ann, bob, eve] = test_room.three();
    test_room.votes(ann, eve);
    test_room.forget();
    test_room.leaves(ann);
    let left = ServerMessage::MemberLeft { id: ann };
    assert_eq!(test_room.got(bob), [left, vote(eve, 0)]);
    test_room.votes(bob, eve);
    assert_eq!(test_room.got(eve).last(), Some(&vote(eve, 1)));
    assert!(test_room.ended.iter().all(|(member, _)| *member != eve));
}

#[test]
fn a_vote_expires_after_fifteen_minutes_and_everyone_is_notified() {
    let mut test_room = TestRoom::new();
    let [ann, bob, eve] = test_room.three();
    test_room.votes(ann, eve);
    test_room.forget();
    assert_eq!(
        test_room.room.poll_timeout(),
        Some(test_room.now + VOTE_LIFETIME)
    );
    test_room.passes(VOTE_LIFETIME - Duration::from_millis(1));
    assert_eq!(test_room.got(bob), []);
    test_room.passes(Duration::from_millis(1));
    assert_eq!(test_room.got(bob), [vote(eve, 0)]);
    assert_eq!(test_room.room.poll_timeout(), None);
    test_room.votes(bob, eve);
    assert!(test_room.ended.is_empty());
}

#[test]
fn an_expired_vote_does_not_count_even_if_the_timer_is_late() {
    let mut test_room = TestRoom::new();
    let [ann, bob, eve] = test_room.three();
    test_room.votes(ann, eve);
    test_room.forget();
    test_room.now += VOTE_LIFETIME;
    test_room.votes(bob, eve);
    assert_eq!(test_room.got(ann), [vote(eve, 0), vote(eve, 1)]);
    assert!(test_room.ended.is_empty());
}

#[test]
fn a_removed_member_is_banned_by_name_and_address() {
    let mut test_room = TestRoom::new();
    let [ann, bob, eve] = test_room.three();
    test_room.votes(ann, eve);
    test_room.votes(bob, eve);
    test_room.passes(Duration::from_millis(500));
    let kept_out = Err(Refusal::Banned { seconds: 60 });
    assert_eq!(test_room.try_join("eVE", "192.0.2.77:1"), kept_out);
    assert_eq!(test_room.try_join("Mallory", "192.0.2.3:1"), kept_out);
    test_room.try_join("Dan", "192.0.2.78:1").unwrap();
    test_room.passes(BAN - Duration::from_millis(500));
    test_room.try_join("Eve", "192.0.2.3:1").unwrap();
}

#[test]
fn a_shared_address_is_not_banned() {
    for shared in ["192.0.2.1", "127.0.0.1"] {
        let mut test_room = TestRoom::new();
        let ann = test_room.try_join("Ann", &format!("{shared}:1")).unwrap();
        let bob = test_room.try_join("Bob", &format!("{shared}:2")).unwrap();
        let eve = test_room.try_join("Eve", &format!("{shared}:3")).unwrap();
        test_room.votes(ann, eve);
        test_room.votes(bob, eve);
        assert!(test_room.try_join("Eve", &format!("{shared}:4")).is_err());
        test_room.try_join("Dan", &format!("{shared}:5")).unwrap();
    }
}

#[test]
fn with_kick_console_enough_votes_only_notify_the_operator() {
    let mut test_room = TestRoom::with(|config| config.kick_decision = KickDecision::Console);
    let [ann, bob, eve] = test_room.three();
    let target = name("eve");
    test_room.votes(ann, eve);
    assert_eq!(
        test_room.room.kick(test_room.now, &target),
        Err(KickError::VotesMissing {
            name: target.clone(),
            votes: 1,
            needed: 2
        })
    );
    test_room.votes(bob, eve);
    assert_eq!(
        test_room.notices,
        [Notice::EnoughVotes {
            name: name("Eve"),
            votes: 2
        }]
    );
    assert!(test_room.ended.is_empty());
    assert_eq!(test_room.room.votes(), [("Eve", vec!["Ann", "Bob"])]);
    assert_eq!(test_room.room.kick(test_room.now, &target), Ok(()));
    test_room.drain();
    assert_eq!(test_room.ended, [(eve, false)]);
    assert_eq!(
        test_room.room.kick(test_room.now, &target),
        Err(KickError::NoSuchMember(target))
    );
}
