//! Handling of messages from the room.

use backroom_protocol::{Content, MemberId, MemberInfo, ServerMessage};

use super::Session;
use crate::event::{self, Event, User};

impl Session {
    pub(super) async fn show_joined(&mut self) {
        let Some(own) = self.roster.member(self.roster.own_id()) else {
            return self.lose("protocol error: the roster does not contain this member");
        };
        let event = Event::Joined {
            name: own.name.to_string(),
            members: self
                .roster
                .members()
                .map(|member| member.name.to_string())
                .collect(),
            fingerprint: own.public_key.fingerprint().to_string(),
        };
        self.show(event).await;
    }

    pub(super) async fn handle_message(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::MemberJoined(member) => {
                let name = member.name.to_string();
                self.roster.insert(member);
                self.show(Event::MemberJoined { name }).await;
            }
            ServerMessage::MemberLeft { id } => self.handle_departure(id).await,
            ServerMessage::Users(members) => {
                let users = members.iter().map(user).collect();
                self.show(Event::Users { users }).await;
            }
            ServerMessage::Delivery {
                from,
                content,
                sealed,
            } => self.handle_delivery(from, &content, &sealed).await,
            ServerMessage::Undelivered { to } => {
                let error = match to.len() {
                    1 => "the last message did not reach 1 member, who had left".into(),
                    count => {
                        format!("the last message did not reach {count} members, who had left")
                    }
                };
                self.show(event::error(error)).await;
            }
            ServerMessage::Vote {
                target,
                votes,
                needed,
            } => {
                // The target may have just left.
                if let Some(member) = self.roster.member(target) {
                    let target = member.name.to_string();
                    self.show(Event::Vote {
                        target,
                        votes,
                        needed,
                    })
                    .await;
                }
            }
            ServerMessage::Kicked { target, name } => {
                self.show(Event::Kicked {
                    name: name.to_string(),
                })
                .await;
                if target == self.roster.own_id() {
                    self.kicked();
                }
            }
            ServerMessage::Rejected { reason } => self.show(event::error(reason.to_string())).await,
            ServerMessage::Closing { reason } => {
                self.closing = Some(format!("closed by the server: {reason}"))
            }
            ServerMessage::Pong => {}
            ServerMessage::Joined { .. } | ServerMessage::Refused(_) => {
                self.lose("protocol error: unexpected message from the server");
            }
        }
    }

    async fn handle_departure(&mut self, id: MemberId) {
        self.envelopes.forget(id);
        for (_, recipients) in &mut self.posts {
            recipients.retain(|(to, _)| *to != id);
        }
        self.posts.retain(|(_, recipients)| !recipients.is_empty());
        self.transfers.member_left(id);
        if let Some(member) = self.roster.remove(id) {
            self.show(Event::MemberLeft {
                name: member.name.to_string(),
            })
            .await;
        }
    }

    async fn handle_delivery(&mut self, from: MemberId, content: &[u8], sealed: &[u8]) {
        let Some(member) = self.roster.member(from).cloned() else {
            return self
                .show(event::error("discarded a message from an unknown member"))
                .await;
        };
        match self
            .envelopes
            .open(from, member.public_key, content, sealed)
        {
            Ok(Content::Text { cast, text }) => {
                let text = text.for_terminal().into_owned();
                self.show(Event::Message {
                    from: member.name.to_string(),
                    cast,
                    text,
                })
                .await;
            }
            Ok(Content::File(message)) => {
                if let Some((answer, event)) = self.transfers.handle_message(&member, message) {
                    self.send_file_message(from, answer).await;
                    self.show(event).await;
                }
            }
            Err(error) => self.show_envelope_error(&error).await,
        }
    }
}

fn user(member: &MemberInfo) -> User {
    User {
        name: member.name.to_string(),
        address: member.address.to_string(),
        fingerprint: member.public_key.fingerprint().to_string(),
    }
}
