//! Who is in the room, and whom a name means.

use std::collections::BTreeMap;

use backroom_protocol::{MemberId, MemberInfo, Name};

use crate::command::Recipients;

/// The members of the room as this client knows them, itself among them.
#[derive(Debug)]
pub struct Roster {
    own_id: MemberId,
    members: BTreeMap<MemberId, MemberInfo>,
}

/// Why nobody can be meant. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// No member has this name.
    #[error("there is no `{name}` here{}. Nothing was sent", nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    Unknown {
        /// As typed.
        name: String,
        /// The member's name most like it, where one is like it.
        nearest: Option<String>,
    },
    /// The own name as a receiver.
    #[error("you can't send to yourself. Nothing was sent")]
    Oneself,
    /// Nobody else is there.
    #[error("nobody else is in the room. Nothing was sent")]
    Alone,
    /// A blockcast that leaves nobody.
    #[error("that leaves out everyone in the room. Nothing was sent")]
    NobodyLeft,
}

impl Roster {
    /// As the room introduced it.
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

    /// This client's own number.
    #[must_use]
    pub fn own_id(&self) -> MemberId {
        self.own_id
    }

    /// Everyone, in the order in which they came.
    pub fn members(&self) -> impl Iterator<Item = &MemberInfo> {
        self.members.values()
    }

    /// The member with this number.
    #[must_use]
    pub fn member(&self, id: MemberId) -> Option<&MemberInfo> {
        self.members.get(&id)
    }

    /// Somebody came in.
    pub fn insert(&mut self, member: MemberInfo) {
        self.members.insert(member.id, member);
    }

    /// Somebody left.
    pub fn remove(&mut self, id: MemberId) -> Option<MemberInfo> {
        self.members.remove(&id)
    }

    /// The member that a typed name means: exactly, or else in another case, width or composition.
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

    /// The members that a command is for, each once, never oneself and never none.
    ///
    /// # Errors
    /// [`RosterError`]: one name that means nobody is enough, also one to be left out, since a misspelt name would
    /// otherwise get what was to be kept from it.
    pub fn resolve(&self, to: &Recipients) -> Result<Vec<MemberInfo>, RosterError> {
        match to {
            Recipients::Only(name) => self.resolve_listed(std::slice::from_ref(name)),
            Recipients::Each(names) => self.resolve_listed(names),
            Recipients::Everyone => {
                let others: Vec<MemberInfo> = self.others().cloned().collect();
                if others.is_empty() {
                    Err(RosterError::Alone)
                } else {
                    Ok(others)
                }
            }
            Recipients::AllBut(names) => {
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
                    Err(RosterError::NobodyLeft)
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
                return Err(RosterError::Oneself);
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
        const ALIKE: f64 = 0.7;
        let typed: String = name.chars().take(64).collect::<String>().to_lowercase();
        self.others()
            .map(|member| {
                (
                    strsim::jaro_winkler(&typed, &member.name.as_str().to_lowercase()),
                    &member.name,
                )
            })
            .filter(|(likeness, _)| *likeness >= ALIKE)
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
    fn each_cast_reaches_those_it_names_and_never_oneself() {
        let roster = roster(&["me", "Ada", "bob", "eve"]);
        assert_eq!(
            resolved(&roster, &Recipients::Only("bob".into())).unwrap(),
            ["bob"]
        );
        assert_eq!(
            resolved(&roster, &Recipients::Only("ADA".into())).unwrap(),
            ["Ada"]
        );
        assert_eq!(
            resolved(&roster, &Recipients::Each(list(&["eve", "ada"]))).unwrap(),
            ["eve", "Ada"]
        );
        assert_eq!(
            resolved(&roster, &Recipients::Everyone).unwrap(),
            ["Ada", "bob", "eve"]
        );
        assert_eq!(
            resolved(&roster, &Recipients::AllBut(list(&["bob", "me"]))).unwrap(),
            ["Ada", "eve"]
        );
    }

    #[test]
    fn a_name_given_twice_counts_once() {
        let roster = roster(&["me", "Ada", "bob"]);
        assert_eq!(
            resolved(&roster, &Recipients::Each(list(&["bob", "Bob", "bob"]))).unwrap(),
            ["bob"]
        );
    }

    #[test]
    fn one_wrong_name_is_enough_to_send_nothing() {
        let here = roster(&["me", "Ada", "bob"]);
        for to in [
            Recipients::Only("adda".into()),
            Recipients::Each(list(&["bob", "adda"])),
            Recipients::AllBut(list(&["adda"])),
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
            resolved(&here, &Recipients::Only("me".into())),
            Err(RosterError::Oneself)
        );
        assert_eq!(
            resolved(&here, &Recipients::AllBut(list(&["bob", "ada"]))),
            Err(RosterError::NobodyLeft)
        );
        assert_eq!(
            resolved(&roster(&["me"]), &Recipients::Everyone),
            Err(RosterError::Alone)
        );
    }
}
