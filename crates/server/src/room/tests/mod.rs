//! Tests of the room in virtual time.

mod kick;
mod members;
mod posts;
mod rejoin;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use backroom_protocol::room::{MemberInfo, Part};
use backroom_protocol::{Features, KeyPair, MAX_NAME_CHARS};

use super::*;

const LOCAL: &str = "192.0.2.254";
const BAN: Duration = Duration::from_secs(60);

/// A room, a clock, and the messages to each member.
struct TestRoom {
    room: Room,
    now: Instant,
    inboxes: BTreeMap<MemberId, Vec<ServerMessage>>,
    ended: Vec<(MemberId, bool)>,
    notices: Vec<Notice>,
}

impl TestRoom {
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
        let joined = self.room.join(self.now, member(name, peer, LOCAL));
        self.drain();
        joined.map_err(|error| match error {
            JoinError::Refused(refusal) | JoinError::OwnName { refusal, .. } => refusal,
        })
    }

    fn join(&mut self, name: &str) -> MemberId {
        let host = self.room.roster.members().len() + 1;
        self.try_join(name, &format!("192.0.2.{host}:4000"))
            .unwrap()
    }

    /// Joins Ann, Bob and Eve, and discards the messages of joining.
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
                Output::Disconnect {
                    member,
                    immediately,
                } => self.ended.push((member, immediately)),
                Output::Notice(notice) => self.notices.push(notice),
            }
        }
    }

    /// Takes the messages to `id`.
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

fn member(text: &str, peer: &str, local: &str) -> Member {
    Member {
        name: name(text),
        public_key: KeyPair::generate().unwrap().public_key(),
        features: Features::NONE,
        credential: None,
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
