//! The room in virtual time: who gets what, and when.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use backroom_protocol::room::{MemberInfo, Part};
use backroom_protocol::{Identity, MAX_NAME_CHARS};

use super::*;

const LOCAL: &str = "192.0.2.254";
const BAN: Duration = Duration::from_secs(60);

/// A room, a clock, and what each member has got.
struct House {
    room: Room,
    now: Instant,
    inboxes: BTreeMap<MemberId, Vec<ServerMessage>>,
    ended: Vec<(MemberId, bool)>,
    notices: Vec<Notice>,
}

impl House {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut RoomConfig)) -> Self {
        let mut config = RoomConfig {
            max_members: 10,
            kick_votes: 2,
            kick_ban: BAN,
            kick_decision: KickDecision::Votes,
        };
        change(&mut config);
        Self {
            room: Room::new(config),
            now: Instant::now(),
            inboxes: BTreeMap::new(),
            ended: Vec::new(),
            notices: Vec::new(),
        }
    }

    fn try_join(&mut self, name: &str, peer: &str) -> Result<MemberId, Refusal> {
        let joined = self.room.join(self.now, arrival(name, peer, LOCAL));
        self.drain();
        joined
    }

    fn join(&mut self, name: &str) -> MemberId {
        let host = self.room.roster.len() + 1;
        self.try_join(name, &format!("192.0.2.{host}:4000"))
            .unwrap()
    }

    /// Ann, Bob and Eve, with what they got by joining forgotten.
    fn three(&mut self) -> [MemberId; 3] {
        let members = ["Ann", "Bob", "Eve"].map(|name| self.join(name));
        self.forget();
        members
    }

    fn says(&mut self, from: MemberId, message: ClientMessage) {
        self.room.handle_message(self.now, from, message);
        self.drain();
    }

    fn votes(&mut self, voter: MemberId, target: MemberId) {
        self.says(voter, ClientMessage::Kick { target });
    }

    fn leaves(&mut self, id: MemberId) {
        self.room.leave(id, Departure::Left);
        self.drain();
    }

    fn passes(&mut self, time: Duration) {
        self.now += time;
        self.room.handle_timeout(self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Send { to, message } => {
                    for to in to {
                        self.inboxes.entry(to).or_default().push(message.clone());
                    }
                }
                Output::Deliver {
                    from,
                    content,
                    parts,
                } => {
                    for part in parts {
                        let delivery = ServerMessage::Delivery {
                            from,
                            content: content.to_vec(),
                            sealed: part.sealed,
                        };
                        self.inboxes.entry(part.to).or_default().push(delivery);
                    }
                }
                Output::Disconnect { member, at_once } => self.ended.push((member, at_once)),
                Output::Notice(notice) => self.notices.push(notice),
            }
        }
    }

    /// What `id` has got since it was last asked.
    fn got(&mut self, id: MemberId) -> Vec<ServerMessage> {
        self.inboxes.remove(&id).unwrap_or_default()
    }

    fn forget(&mut self) {
        self.inboxes.clear();
        self.ended.clear();
        self.notices.clear();
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn arrival(text: &str, peer: &str, local: &str) -> Arrival {
    Arrival {
        name: name(text),
        public_key: Identity::generate().unwrap().public_key(),
        peer: peer.parse().unwrap(),
        local: local.parse().unwrap(),
    }
}

fn post(content: &[u8], to: &[MemberId]) -> ClientMessage {
    let parts = to.iter().map(|to| Part {
        to: *to,
        sealed: to.0.to_be_bytes().to_vec(),
    });
    ClientMessage::Post(Post {
        content: content.to_vec(),
        parts: parts.collect(),
    })
}

fn delivery(from: MemberId, content: &[u8], to: MemberId) -> ServerMessage {
    ServerMessage::Delivery {
        from,
        content: content.to_vec(),
        sealed: to.0.to_be_bytes().to_vec(),
    }
}

fn vote(target: MemberId, votes: u32) -> ServerMessage {
    let needed = 2;
    ServerMessage::Vote {
        target,
        votes,
        needed,
    }
}

fn names(members: &[MemberInfo]) -> Vec<&str> {
    members.iter().map(|member| member.name.as_str()).collect()
}

fn is_rejection(message: &ServerMessage) -> bool {
    matches!(message, ServerMessage::Rejected { .. })
}

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
    let kept_out = Err(Refusal::KeptOut { seconds: 60 });
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
