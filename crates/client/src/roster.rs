//! The members of the room, and the resolution of names.

use std::collections::BTreeMap;

use backroom_protocol::{MemberId, MemberInfo, Name};

use crate::command::Recipients;

/// The members of the room, including this one.
#[derive(Debug)]
pub struct Roster {
    own_id: MemberId,
    members: BTreeMap<MemberId, MemberInfo>,
}

/// A name or a list of recipients does not resolve to members. Nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// No member has this name.
    #[error("not sent: no member named `{name}`{}", nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    Unknown {
        /// The name as entered.
        name: String,
        /// The most similar name of a member, if one is similar enough.
        nearest: Option<String>,
    },
    /// This member is among the recipients.
    #[error("not sent: you cannot send to yourself")]
    SelfAddressed,
    /// This member is alone in the room.
    #[error("not sent: you are alone in this room")]
    Alone,
    /// A blockcast excludes all other members.
    #[error("not sent: this excludes every other member")]
    NoRecipients,
}

impl Roster {
    /// Creates the roster from the members that the room announced.
    #[must_use]
    pub fn new(own_id: MemberId, members: Vec<MemberInfo>) -> Self {
        Self {
            own_id,
            members: members
                .into_iter()
                .map(|member| (member.id, member))
                .collect(),
        }
    }

    /// The number of this member.
    #[must_use]
    pub fn own_id(&self) -> MemberId {
        self.own_id
    }

    /// All members, in the order in which they joined.
    pub fn members(&self) -> impl Iterator<Item = &MemberInfo> {
        self.members.values()
    }

    /// The member with this number, if it is in the room.
    #[must_use]
    pub fn member(&self, id: MemberId) -> Option<&MemberInfo> {
        self.members.get(&id)
    }

    /// Adds a member that joined.
    pub fn insert(&mut self, member: MemberInfo) {
        self.members.insert(member.id, member);
    }

    /// Removes a member that left.
    pub fn remove(&mut self, id: MemberId) -> Option<MemberInfo> {
        self.members.remove(&id)
    }

    /// Finds a member by name: an exact match, otherwise one with the same [`Name::fold`].
    ///
    /// # Errors
    /// [`RosterError::Unknown`]
    pub fn find(&self, name: &str) -> Result<&MemberInfo, RosterError> {
        let folded = Name::new(name).ok().map(|name| name.fold());
        self.members
            .values()
            .find(|member| member.name.as_str() == name)
            .or_else(|| {
                self.members
                    .values()
                    .find(|member| Some(member.name.fold()) == folded)
            })
            .ok_or_else(|| RosterError::Unknown {
                name: name.to_owned(),
                nearest: self.nearest(name),
            })
    }

    /// Resolves recipients to members: at least one, each once, and never this member.
    ///
    /// # Errors
    /// One unknown name is enough for an error, even in a list of members to exclude: otherwise a misspelt member would get
    /// the message.
    pub fn resolve(&self, to: &Recipients) -> Result<Vec<MemberInfo>, RosterError> {
        match to {
            Recipients::One(name) => self.resolve_listed(std::slice::from_ref(name)),
            Recipients::Listed(names) => self.resolve_listed(names),
            Recipients::Everyone => {
                let others: Vec<MemberInfo> = self.others().cloned().collect();
                if others.is_empty() {
                    Err(RosterError::Alone)
                } else {
                    Ok(others)
                }
            }
            Recipients::AllExcept(names) => {
                let left_out: Vec<MemberId> = names
                    .iter()
                    .map(|name| self.find(name).map(|member| member.id))
                    .collect::<Result<_, _>>()?;
                let others: Vec<MemberInfo> = self
                    .others()
                    .filter(|member| !left_out.contains(&member.id))
                    .cloned()
                    .collect();
                if others.is_empty() {
                    Err(RosterError::NoRecipients)
                } else {
                    Ok(others)
                }
            }
        }
    }

    fn resolve_listed(&self, names: &[String]) -> Result<Vec<MemberInfo>, RosterError> {
        let mut members: Vec<MemberInfo> = Vec::with_capacity(names.len());
        for name in names {
            let member = self.find(name)?;
            if member.id == self.own_id {
                return Err(RosterError::SelfAddressed);
            }
            if !members.iter().any(|known| known.id == member.id) {
                members.push(member.clone());
            }
        }
        Ok(members)
    }

    fn others(&self) -> impl Iterator<Item = &MemberInfo> {
        self.members
            .values()
            .filter(|member| member.id != self.own_id)
    }

    fn nearest(&self, name: &str) -> Option<String> {
        const MIN_SIMILARITY: f64 = 0.7;
        let typed: String = name.chars().take(64).collect::<String>().to_lowercase();
        self.others()
            .map(|member| {
                (
                    strsim::jaro_winkler(&typed, &member.name.as_str().to_lowercase()),
                    &member.name,
                )
            })
            .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, name)| name.to_string())
    }
}

#[cfg(test)]
mod tests {
    use backroom_protocol::Identity;

    use super::*;

    fn roster(names: &[&str]) -> Roster {
        let members = names.iter().zip(1..).map(|(name, id)| MemberInfo {
            id: MemberId(id),
            name: Name::new(name).unwrap(),
            address: ([127, 0, 0, 1], 4000).into(),
            public_key: Identity::generate().unwrap().public_key(),
        });
        Roster::new(MemberId(1), members.collect())
    }

    fn resolved(roster: &Roster, to: &Recipients) -> Result<Vec<String>, RosterError> {
        roster.resolve(to).map(|members| {
            members
                .iter()
                .map(|member| member.name.to_string())
                .collect()
        })
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn each_cast_resolves_to_its_members() {
        let roster = roster(&["me", "Ada", "bob", "eve"]);
        assert_eq!(
            resolved(&roster, &Recipients::One("bob".into())).unwrap(),
            ["bob"]
        );
        assert_eq!(
            resolved(&roster, &Recipients::One("ADA".into())).unwrap(),
            ["Ada"]
        );
        assert_eq!(
            resolved(&roster, &Recipients::Listed(list(&["eve", "ada"]))).unwrap(),
            ["eve", "Ada"]
        );
        assert_eq!(
            resolved(&roster, &Recipients::Everyone).unwrap(),
            ["Ada", "bob", "eve"]
        );
        assert_eq!(
            resolved(&roster, &Recipients::AllExcept(list(&["bob", "me"]))).unwrap(),
            ["Ada", "eve"]
        );
    }

    #[test]
    fn a_repeated_name_counts_once() {
        let roster = roster(&["me", "Ada", "bob"]);
        assert_eq!(
            resolved(&roster, &Recipients::Listed(list(&["bob", "Bob", "bob"]))).unwrap(),
            ["bob"]
        );
    }

    #[test]
    fn one_unknown_name_is_an_error() {
        let here = roster(&["me", "Ada", "bob"]);
        for to in [
            Recipients::One("adda".into()),
            Recipients::Listed(list(&["bob", "adda"])),
            Recipients::AllExcept(list(&["adda"])),
        ] {
            assert_eq!(
                resolved(&here, &to),
                Err(RosterError::Unknown {
                    name: "adda".into(),
                    nearest: Some("Ada".into())
                })
            );
        }
        assert_eq!(
            resolved(&here, &Recipients::One("me".into())),
            Err(RosterError::SelfAddressed)
        );
        assert_eq!(
            resolved(&here, &Recipients::AllExcept(list(&["bob", "ada"]))),
            Err(RosterError::NoRecipients)
        );
        assert_eq!(
            resolved(&roster(&["me"]), &Recipients::Everyone),
            Err(RosterError::Alone)
        );
    }
}
