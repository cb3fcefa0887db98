//! Who is in, who is not, and how they are introduced.

use super::*;

#[test]
fn who_joins_gets_the_roster_and_the_others_an_introduction() {
    let mut house = House::new();
    let ann = house.join("Ann");
    let bob = house.join("Bob");
    let [ServerMessage::Joined { you, members }] = &house.got(bob)[..] else {
        panic!("Bob should be told only that he is in");
    };
    assert_eq!(*you, bob);
    assert_eq!(names(members), ["Ann", "Bob"]);
    let introduced = members[1].clone();
    assert_eq!(
        house.got(ann)[1..],
        [ServerMessage::MemberJoined(introduced)]
    );
    assert_eq!(
        house.notices[1],
        Notice::Connected {
            name: name("Bob"),
            peer: "192.0.2.2:4000".parse().unwrap()
        }
    );
}

#[test]
fn who_leaves_is_gone_for_everyone_and_its_name_is_free() {
    let mut house = House::new();
    let [ann, bob, eve] = house.three();
    house.leaves(bob);
    for other in [ann, eve] {
        assert_eq!(house.got(other), [ServerMessage::MemberLeft { id: bob }]);
    }
    assert_eq!(house.got(bob), []);
    assert_eq!(house.ended, [(bob, false)]);
    house.leaves(bob);
    assert_eq!(house.got(ann), [], "leaving twice changes nothing");
    let again = house.join("bob");
    assert_ne!(again, bob, "an id is given once");
}

#[test]
fn a_name_that_looks_the_same_is_taken_and_another_is_suggested() {
    let mut house = House::new();
    house.join("Ann");
    house.join("Ann2");
    assert_eq!(
        house.try_join("aNN", "192.0.2.9:1"),
        Err(Refusal::NameTaken {
            suggestion: Some(name("aNN3"))
        })
    );
    let longest = "x".repeat(MAX_NAME_CHARS);
    house.join(&longest);
    let Err(Refusal::NameTaken {
        suggestion: Some(suggestion),
    }) = house.try_join(&longest, "192.0.2.9:1")
    else {
        panic!("the longest name should have a suggestion as well");
    };
    house.join(suggestion.as_str());
}

#[test]
fn a_full_room_says_how_many_it_holds_and_has_a_place_again_when_someone_leaves() {
    let mut house = House::with(|config| config.max_members = 2);
    let ann = house.join("Ann");
    house.join("Bob");
    assert_eq!(
        house.try_join("Eve", "192.0.2.3:1"),
        Err(Refusal::RoomFull { limit: 2 })
    );
    house.leaves(ann);
    house.join("Eve");
}

#[test]
fn a_member_on_the_servers_host_is_found_there_from_elsewhere() {
    let mut house = House::new();
    let host = house.try_join("Host", "127.0.0.1:5000").unwrap();
    let near = house.try_join("Near", "127.0.0.1:5001").unwrap();
    let far = house.try_join("Far", "192.0.2.7:5002").unwrap();
    let seen: BTreeMap<_, _> = [near, far]
        .map(|viewer| {
            house.forget();
            house.says(viewer, ClientMessage::Users);
            let Some(ServerMessage::Users(users)) = house.got(viewer).pop() else {
                panic!("users should be listed");
            };
            let addresses: Vec<String> = users.iter().map(|u| u.address.to_string()).collect();
            (viewer, addresses)
        })
        .into();
    assert_eq!(
        seen[&near],
        ["127.0.0.1:5000", "127.0.0.1:5001", "192.0.2.7:5002"]
    );
    let server: IpAddr = LOCAL.parse().unwrap();
    let through_server = |port| SocketAddr::new(server, port).to_string();
    assert_eq!(
        seen[&far],
        [
            through_server(5000),
            through_server(5001),
            "192.0.2.7:5002".into()
        ]
    );
    house.forget();
    house.try_join("New", "127.0.0.1:5003").unwrap();
    let mut introduced_at = |viewer| match &house.got(viewer)[..] {
        [ServerMessage::MemberJoined(info)] => info.address.to_string(),
        other => panic!("one introduction expected, not {other:?}"),
    };
    assert_eq!(introduced_at(host), "127.0.0.1:5003");
    assert_eq!(introduced_at(far), through_server(5003));
}

#[test]
fn a_member_that_is_cut_off_gets_nothing_more_and_one_that_was_not_understood_is_told() {
    let mut house = House::new();
    let [ann, bob, _] = house.three();
    house.room.leave(ann, Departure::QueueFull);
    house
        .room
        .leave(bob, Departure::Malformed("gibberish".to_owned()));
    house.drain();
    assert_eq!(house.ended, [(ann, true), (bob, false)]);
    assert_eq!(house.got(ann), []);
    let reason = Reason::new("not understood: gibberish");
    assert_eq!(
        house.got(bob).last(),
        Some(&ServerMessage::Closing { reason })
    );
}

#[test]
fn a_closing_room_tells_everyone_once_and_lets_nobody_in() {
    let mut house = House::new();
    let members = house.three();
    let reason = Reason::new("the server stops");
    house.room.close(reason.clone());
    house.drain();
    for member in members {
        let closing = ServerMessage::Closing {
            reason: reason.clone(),
        };
        assert_eq!(house.got(member), [closing]);
    }
    assert_eq!(house.ended, members.map(|member| (member, false)));
    assert_eq!(house.notices.len(), members.len());
    assert_eq!(
        house.try_join("Dan", "192.0.2.9:1"),
        Err(Refusal::Other(reason))
    );
}
