//! Putting a member out: votes, their end, and the ban.

use super::*;

#[test]
fn two_votes_put_a_member_out_and_everyone_is_told() {
    let mut house = House::new();
    let [ann, bob, eve] = house.three();
    house.votes(ann, eve);
    for member in [ann, bob, eve] {
        assert_eq!(house.got(member), [vote(eve, 1)]);
    }
    house.votes(bob, eve);
    let kicked = ServerMessage::Kicked {
        target: eve,
        name: name("Eve"),
    };
    assert_eq!(house.got(eve), [vote(eve, 2), kicked.clone()]);
    let left = ServerMessage::MemberLeft { id: eve };
    for member in [ann, bob] {
        assert_eq!(
            house.got(member),
            [vote(eve, 2), kicked.clone(), left.clone()]
        );
    }
    assert_eq!(house.ended, [(eve, false)]);
    assert_eq!(
        house.notices,
        [Notice::Disconnected {
            name: name("Eve"),
            departure: Departure::Kicked
        }]
    );
}

#[test]
fn one_member_alone_puts_nobody_out_whatever_it_tries() {
    let mut house = House::with(|config| config.kick_votes = 0);
    let [ann, _, eve] = house.three();
    house.votes(ann, eve);
    house.forget();
    house.votes(ann, eve);
    house.votes(eve, eve);
    house.votes(ann, MemberId(99));
    assert_eq!(house.got(ann).iter().filter(|m| is_rejection(m)).count(), 2);
    assert!(is_rejection(&house.got(eve)[0]));
    assert!(house.ended.is_empty());
}

#[test]
fn the_vote_of_one_who_leaves_no_longer_counts() {
    let mut house = House::new();
    let [ann, bob, eve] = house.three();
    house.votes(ann, eve);
    house.forget();
    house.leaves(ann);
    let left = ServerMessage::MemberLeft { id: ann };
    assert_eq!(house.got(bob), [left, vote(eve, 0)]);
    house.votes(bob, eve);
    assert_eq!(house.got(eve).last(), Some(&vote(eve, 1)));
    assert!(house.ended.iter().all(|(member, _)| *member != eve));
}

#[test]
fn a_vote_ends_after_fifteen_minutes_and_everyone_is_told() {
    let mut house = House::new();
    let [ann, bob, eve] = house.three();
    house.votes(ann, eve);
    house.forget();
    assert_eq!(house.room.poll_timeout(), Some(house.now + VOTE_LIFETIME));
    house.passes(VOTE_LIFETIME - Duration::from_millis(1));
    assert_eq!(house.got(bob), []);
    house.passes(Duration::from_millis(1));
    assert_eq!(house.got(bob), [vote(eve, 0)]);
    assert_eq!(house.room.poll_timeout(), None);
    house.votes(bob, eve);
    assert!(house.ended.is_empty());
}

#[test]
fn a_vote_that_is_over_does_not_count_though_its_timer_was_late() {
    let mut house = House::new();
    let [ann, bob, eve] = house.three();
    house.votes(ann, eve);
    house.forget();
    house.now += VOTE_LIFETIME;
    house.votes(bob, eve);
    assert_eq!(house.got(ann), [vote(eve, 0), vote(eve, 1)]);
    assert!(house.ended.is_empty());
}

#[test]
fn who_was_put_out_is_kept_out_by_name_and_address_until_the_ban_ends() {
    let mut house = House::new();
    let [ann, bob, eve] = house.three();
    house.votes(ann, eve);
    house.votes(bob, eve);
    house.passes(Duration::from_millis(500));
    let kept_out = Err(Refusal::Banned { seconds: 60 });
    assert_eq!(house.try_join("eVE", "192.0.2.77:1"), kept_out);
    assert_eq!(house.try_join("Mallory", "192.0.2.3:1"), kept_out);
    house.try_join("Dan", "192.0.2.78:1").unwrap();
    house.passes(BAN - Duration::from_millis(500));
    house.try_join("Eve", "192.0.2.3:1").unwrap();
}

#[test]
fn an_address_that_others_share_is_not_banned() {
    for shared in ["192.0.2.1", "127.0.0.1"] {
        let mut house = House::new();
        let ann = house.try_join("Ann", &format!("{shared}:1")).unwrap();
        let bob = house.try_join("Bob", &format!("{shared}:2")).unwrap();
        let eve = house.try_join("Eve", &format!("{shared}:3")).unwrap();
        house.votes(ann, eve);
        house.votes(bob, eve);
        assert!(house.try_join("Eve", &format!("{shared}:4")).is_err());
        house.try_join("Dan", &format!("{shared}:5")).unwrap();
    }
}

#[test]
fn with_the_operator_deciding_the_votes_only_tell_it() {
    let mut house = House::with(|config| config.kick_decision = KickDecision::Console);
    let [ann, bob, eve] = house.three();
    let target = name("eve");
    house.votes(ann, eve);
    assert_eq!(
        house.room.kick(house.now, &target),
        Err(KickError::VotesMissing {
            name: target.clone(),
            votes: 1,
            needed: 2
        })
    );
    house.votes(bob, eve);
    assert_eq!(
        house.notices,
        [Notice::VotesSuffice {
            name: name("Eve"),
            votes: 2
        }]
    );
    assert!(house.ended.is_empty());
    assert_eq!(
        house.room.votes(),
        [(&name("Eve"), vec![&name("Ann"), &name("Bob")])]
    );
    assert_eq!(house.room.kick(house.now, &target), Ok(()));
    house.drain();
    assert_eq!(house.ended, [(eve, false)]);
    assert_eq!(
        house.room.kick(house.now, &target),
        Err(KickError::NoSuchMember(target))
    );
}
