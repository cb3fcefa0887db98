//! The identities of the other members: checking, remembering and accepting them.

use anyhow::bail;
use backroom_protocol::MemberInfo;
use backroom_vocabulary::event::{Event, IdentityChange, IdentityState, User};

use super::Session;
use crate::event;

impl Session {
    /// Adds a member that the server announces to the roster. A member with an identity that is not its own is left out, so
    /// that nothing is encrypted for its key.
    pub(super) async fn handle_new_member(&mut self, member: MemberInfo) {
        if member.verify(self.acquaintances.server()).is_err() {
            return self.show_forged(&member).await;
        }
        let name = member.name.to_string();
        self.show(Event::MemberJoined { name }).await;
        self.meet(&member).await;
        self.roster.members.insert(member.id, member);
    }

    /// Remembers the identity of a member, or reports that it has changed.
    pub(super) async fn meet(&mut self, member: &MemberInfo) {
        if let Some(known) = self.acquaintances.meet(member) {
            let change = IdentityChange {
                name: member.name.to_string(),
                fingerprint: member.fingerprint().to_string(),
                ephemeral: member.identity().is_none(),
                known_fingerprint: known.to_string(),
            };
            self.show(Event::IdentityChanged(change)).await;
        }
    }

    pub(super) async fn show_forged(&self, member: &MemberInfo) {
        let error = format!(
            "left out {}: the server shows an identity that is not its own; do not trust this server",
            member.name
        );
        self.show(event::error(error)).await;
    }

    /// Accepts the identity that a member has now.
    pub(super) async fn trust(&mut self, user: &str) -> anyhow::Result<()> {
        let member = self.roster.find(user)?;
        let name = member.name.clone();
        let Some(identity) = member.identity() else {
            bail!("{name} has no identity that could be trusted; its key ends with this session");
        };
        self.acquaintances.remember(&name, identity);
        let event = Event::Trusted {
            name: name.to_string(),
            fingerprint: identity.fingerprint().to_string(),
        };
        self.show(event).await;
        Ok(())
    }

    /// The members of a list whom the roster has with the same keys. Others have not been checked.
    pub(super) fn users(&self, members: &[MemberInfo]) -> Vec<User> {
        let is_checked = |member: &&MemberInfo| {
            let checked = self.roster.members.get(&member.id);
            checked.is_some_and(|checked| {
                checked.name == member.name
                    && checked.public_key == member.public_key
                    && checked.credential == member.credential
            })
        };
        let members = members.iter().filter(is_checked);
        members.map(|member| self.user(member)).collect()
    }

    fn user(&self, member: &MemberInfo) -> User {
        User {
            name: member.name.to_string(),
            address: member.address.to_string(),
            fingerprint: member.fingerprint().to_string(),
            identity: if member.id == self.roster.own_id {
                own_identity(member)
            } else {
                self.acquaintances.state(member)
            },
        }
    }
}

/// The state of this member's own identity.
pub(super) fn own_identity(own: &MemberInfo) -> IdentityState {
    match own.identity() {
        Some(_) => IdentityState::Known,
        None => IdentityState::Ephemeral,
    }
}
