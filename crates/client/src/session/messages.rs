//! Handling of messages from the room.

use backroom_protocol::{ClientMessage, Content, MemberId, ServerMessage};
use backroom_vocabulary::event::Event;

use super::identities::own_identity;
use super::{Ending, Introduction, Session};
use crate::event;

impl Session {
    pub(super) async fn show_joined(&mut self, introduction: Introduction) {
        let Some(own) = self.roster.members.get(&self.roster.own_id) else {
            return self.lose("protocol error: the roster does not contain this member");
        };
        let members = self.roster.members.values();
        let event = Event::Joined {
            name: own.name.to_string(),
            members: members.map(|member| member.name.to_string()).collect(),
            fingerprint: own.fingerprint().to_string(),
            identity: own_identity(own),
            server: introduction.server,
        };
        self.show(event).await;
        for member in introduction.forged {
            self.show_forged(&member).await;
        }
        let others: Vec<_> = self.roster.others().cloned().collect();
        for member in others {
            self.meet(&member).await;
        }
    }

    pub(super) async fn handle_message(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::MemberJoined(member) => self.handle_new_member(member).await,
            ServerMessage::MemberLeft { id } => self.handle_departure(id).await,
            ServerMessage::Users(members) => {
                let users = self.users(&members);
                self.show(Event::Users { users }).await;
            }
            ServerMessage::Delivery {
                from,
                content,
                sealed,
            } => self.handle_delivery(from, &content, &sealed).await,
            // A transfer notices by itself that a member has left.
            ServerMessage::Undelivered { to } if !self.unconfirmed.has_text_to(&to) => {}
            ServerMessage::Undelivered { to } => {
                let members = match to.len() {
                    1 => "1 member".into(),
                    count => format!("{count} members"),
                };
                self.fail(format!(
                    "the last message did not reach {members}, who had left"
                ))
                .await;
            }
            ServerMessage::Vote {
                target,
                votes,
                needed,
            } => {
                // The target may have just left.
                if let Some(member) = self.roster.members.get(&target) {
                    let event = Event::Vote {
                        target: member.name.to_string(),
                        votes,
                        needed,
                    };
                    self.show(event).await;
                }
            }
            ServerMessage::Kicked { target, name } => {
                let name = name.to_string();
                self.show(Event::Kicked { name }).await;
                if target == self.roster.own_id {
                    self.stop(Ending::Kicked, "you were kicked out of the room");
                }
            }
            ServerMessage::Rejected { reason } => self.fail(reason.to_string()).await,
            ServerMessage::Closing { reason } => {
                self.closing = Some(format!("closed by the server: {reason}"))
            }
            ServerMessage::Pong => self.unconfirmed.confirmed(),
            ServerMessage::Ping => self.send(&ClientMessage::Pong).await,
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
        if let Some(member) = self.roster.members.remove(&id) {
            let name = member.name.to_string();
            self.show(Event::MemberLeft { name }).await;
        }
    }

    async fn handle_delivery(&mut self, from: MemberId, content: &[u8], sealed: &[u8]) {
        let Some(member) = self.roster.members.get(&from).cloned() else {
            let error = event::error("discarded a message from an unknown member");
            return self.show(error).await;
        };
        let key = member.public_key;
        match self.envelopes.open(from, key, content, sealed) {
            Ok(Content::Text { cast, text }) => {
                let event = Event::Message {
                    from: member.name.to_string(),
                    cast,
                    text: text.for_terminal().into_owned(),
                };
                self.show(event).await;
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
