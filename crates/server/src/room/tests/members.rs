//! Joining, leaving and announcements.

use super::*;

#[test]
fn a_new_member_gets_the_roster_and_is_announced() {
    let mut test_room = TestRoom::new();
    let ann = test_room.join("Ann");
    let bob = test_room.join("Bob");
    let [ServerMessage::Joined { you, members }] = &test_room.got(bob)[..] else {
        panic!("Bob should be told only that he is in");
    };
    assert_eq!(*you, bob);
    assert_eq!(names(members), ["Ann", "Bob"]);
    let introduced = members[1].clone();
    assert_eq!(
        test_room.got(ann)[1..],
        [ServerMessage::MemberJoined(introduced)]
    );
    assert_eq!(
        test_room.notices[1],
        Notice::Connected {
            name: name("Bob"),
            peer: "192.0.2.2:4000".parse().unwrap()
        }
    );
}

#[test]
fn leaving_is_announced_and_frees_the_name() {
    let mut test_room = TestRoom::new();
    let [ann, bob, eve] = test_room.three();
    test_room.leaves(bob);
    for other in [ann, eve] {
        assert_eq!(
            test_room.got(other),
            [ServerMessage::MemberLeft { id: bob }]
        );
    }
    assert_eq!(test_room.got(bob), []);
    assert_eq!(test_room.ended, [(bob, false)]);
    test_room.leaves(bob);
    assert_eq!(test_room.got(ann), [], "leaving twice changes nothing");
    let again = test_room.join("bob");
    assert_ne!(again, bob, "an id is given once");
}

#[test]
fn a_similar_name_is_refused_with_a_suggestion() {
    let mut test_room = TestRoom::new();
    test_room.join("Ann");
    test_room.join("Ann2");
    assert_eq!(
        test_room.try_join("aNN", "192.0.2.9:1"),
        Err(Refusal::NameTaken {
            suggestion: Some(name("aNN3"))
        })
    );
    let longest = "x".repeat(MAX_NAME_CHARS);
    test_room.join(&longest);
    let Err(Refusal::NameTaken {
        suggestion: Some(suggestion),
    }) = test_room.try_join(&longest, "192.0.2.9:1")
    else {
        panic!("the longest name should have a suggestion as well");
    };
    test_room.join(suggestion.as_str());
}

#[test]
fn a_full_room_refuses_until_a_member_leaves() {
    let mut test_room = TestRoom::with(|config| config.max_members = 2);
    let ann = test_room.join("Ann");
    test_room.join("Bob");
    assert_eq!(
        test_room.try_join("Eve", "192.0.2.3:1"),
        Err(Refusal::RoomFull { limit: 2 })
    );
    test_room.leaves(ann);
    test_room.join("Eve");
}

#[test]
fn a_loopback_member_is_announced_with_the_servers_address() {
    let mut test_room = TestRoom::new();
    let host = test_room.try_join("Host", "127.0.0.1:5000").unwrap();
    let near = test_room.try_join("Near", "127.0.0.1:5001").unwrap();
    let far = test_room.try_join("Far", "192.0.2.7:5002").unwrap();
    let seen: BTreeMap<_, _> = [near, far]
        .map(|viewer| {
            test_room.forget();
            test_room.says(viewer, ClientMessage::Users);
            let Some(ServerMessage::Users(users)) = test_room.got(viewer).pop() else {
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
    test_room.forget();
    test_room.try_join("New", "127.0.0.1:5003").unwrap();
    let mut introduced_at = |viewer| match &test_room.got(viewer)[..] {
        [ServerMessage::MemberJoined(info)] => info.address.to_string(),
        other => panic!("one introduction expected, not {other:?}"),
    };
    assert_eq!(introduced_at(host), "127.0.0.1:5003");
    assert_eq!(introduced_at(far), through_server(5003));
}

#[test]
fn only_a_member_with_a_protocol_error_is_told_the_reason() {
    let mut test_room = TestRoom::new();
    let [ann, bob, _] = test_room.three();
    test_room.room.leave(ann, Departure::QueueFull);
    test_room
        .room
        .leave(bob, Departure::Malformed("gibberish".to_owned()));
    test_room.drain();
    assert_eq!(test_room.ended, [(ann, true), (bob, false)]);
    assert_eq!(test_room.got(ann), []);
    let reason = Reason::new("protocol error: gibberish");
    assert_eq!(
        test_room.got(bob).last(),
        Some(&ServerMessage::Closing { reason })
    );
}

#[test]
fn a_closing_room_notifies_all_and_admits_nobody() {
    let mut test_room = TestRoom::new();
    let members = test_room.three();
    let reason = Reason::new("the server stops");
    test_room.room.close(reason.clone());
    test_room.drain();
    for member in members {
        let closing = ServerMessage::Closing {
            reason: reason.clone(),
        };
        assert_eq!(test_room.got(member), [closing]);
    }
    assert_eq!(test_room.ended, members.map(|member| (member, false)));
    assert_eq!(test_room.notices.len(), members.len());
    assert_eq!(
        test_room.try_join("Dan", "192.0.2.9:1"),
        Err(Refusal::Other(reason))
    );
}
