//! The members of the room, and the resolution of names.

use std::collections::BTreeMap;

use backroom_protocol::{Cast, MemberId, MemberInfo, Name};

use crate::command::Recipients;

/// The members of the room, including this one.
pub(crate) struct Roster {
    pub(crate) own_id: MemberId,
    /// In the order in which they joined.
    pub(crate) members: BTreeMap<MemberId, MemberInfo>,
}

/// A name or a list of recipients does not resolve to members. Nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RosterError {
    #[error("not sent: no member named `{name}`{}", nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    Unknown {
        name: String,
        /// The most similar name of a member, if one is similar enough.
        nearest: Option<String>,
    },
    #[error("not sent: you cannot send to yourself")]
    SelfAddressed,
    #[error("not sent: you are alone in this room")]
    Alone,
    #[error("not sent: this excludes every other member")]
    NoRecipients,
}

impl Roster {
    pub(crate) fn new(own_id: MemberId, members: Vec<MemberInfo>) -> Self {
        let members = members.into_iter().map(|member| (member.id, member));
        Self {
            own_id,
            members: members.collect(),
        }
    }

    /// Finds a member by name: an exact match, otherwise one with the same [`Name::fold`].
    pub(crate) fn find(&self, name: &str) -> Result<&MemberInfo, RosterError> {
        let folded = Name::new(name).ok().map(|name| name.fold());
        let members = || self.members.values();
        members()
            .find(|member| member.name.as_str() == name)
            .or_else(|| members().find(|member| Some(member.name.fold()) == folded))
            .ok_or_else(|| RosterError::Unknown {
                name: name.to_owned(),
                nearest: self.nearest(name),
            })
    }

    /// Resolves recipients to members: at least one, each once, and never this member. One unknown name is enough for an error,
    /// even in a list of members to exclude: otherwise a misspelt member would get the message.
    pub(crate) fn resolve(&self, to: &Recipients) -> Result<Vec<MemberInfo>, RosterError> {
        let named = to.names.iter().map(|name| self.find(name));
        let named: Vec<&MemberInfo> = named.collect::<Result<_, _>>()?;
        let members: Vec<MemberInfo> = match to.cast {
            Cast::Unicast | Cast::Multicast => {
                let mut members: Vec<MemberInfo> = Vec::with_capacity(named.len());
                for member in named {
                    if member.id == self.own_id {
                        return Err(RosterError::SelfAddressed);
                    }
                    if !members.contains(member) {
                        members.push(member.clone());
                    }
                }
                members
            }
            Cast::Broadcast | Cast::Blockcast => {
                let others = self.others().filter(|other| !named.contains(other));
                others.cloned().collect()
            }
        };
        match to.cast {
            Cast::Broadcast if members.is_empty() => Err(RosterError::Alone),
            Cast::Blockcast if members.is_empty() => Err(RosterError::NoRecipients),
            _ => Ok(members),
        }
    }

    pub(crate) fn others(&self) -> impl Iterator<Item = &MemberInfo> {
        self.members
            .values()
            .filter(|member| member.id != self.own_id)
    }

    fn nearest(&self, name: &str) -> Option<String> {
        const MIN_SIMILARITY: f64 = 0.7;
        let typed: String = name.chars().take(64).collect::<String>().to_lowercase();
        let similarity = |name: &str| strsim::jaro_winkler(&typed, &name.to_lowercase());
        self.others()
            .map(|member| (similarity(member.name.as_str()), &member.name))
            .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, name)| name.to_string())
    }
}

#[cfg(test)]
mod tests {
    use backroom_protocol::{Features, KeyPair};

    use super::*;

    fn roster(names: &[&str]) -> Roster {
        let members = names.iter().zip(1..).map(|(name, id)| MemberInfo {
            id: MemberId(id),
            name: Name::new(name).unwrap(),
            address: ([127, 0, 0, 1], 4000).into(),
            public_key: KeyPair::generate().unwrap().public_key(),
            features: Features::NONE,
            credential: None,
        });
        Roster::new(MemberId(1), members.collect())
    }

    fn resolved(roster: &Roster, cast: Cast, names: &[&str]) -> Result<Vec<String>, RosterError> {
        let members = roster.resolve(&Recipients::new(cast, names))?;
        Ok(members
            .iter()
            .map(|member| member.name.to_string())
            .collect())
    }

    #[test]
    fn each_cast_resolves_to_its_members() {
        let roster = roster(&["me", "Ada", "bob", "eve"]);
        for (cast, names, members) in [
            (Cast::Unicast, &["bob"][..], &["bob"][..]),
            (Cast::Unicast, &["ADA"], &["Ada"]),
            (Cast::Multicast, &["eve", "ada"], &["eve", "Ada"]),
            (Cast::Broadcast, &[], &["Ada", "bob", "eve"]),
            (Cast::Blockcast, &["bob", "me"], &["Ada", "eve"]),
        ] {
            assert_eq!(resolved(&roster, cast, names).unwrap(), members);
        }
    }

    #[test]
    fn a_repeated_name_counts_once() {
        let roster = roster(&["me", "Ada", "bob"]);
        let members = resolved(&roster, Cast::Multicast, &["bob", "Bob", "bob"]);
        assert_eq!(members.unwrap(), ["bob"]);
    }

    #[test]
    fn one_unknown_name_is_an_error() {
        let here = roster(&["me", "Ada", "bob"]);
        for (cast, names) in [
            (Cast::Unicast, &["adda"][..]),
            (Cast::Multicast, &["bob", "adda"]),
            (Cast::Blockcast, &["adda"]),
        ] {
            assert_eq!(
                resolved(&here, cast, names),
                Err(RosterError::Unknown {
                    name: "adda".into(),
                    nearest: Some("Ada".into())
                })
            );
        }
        assert_eq!(
            resolved(&here, Cast::Unicast, &["me"]),
            Err(RosterError::SelfAddressed)
        );
        assert_eq!(
            resolved(&here, Cast::Blockcast, &["bob", "ada"]),
            Err(RosterError::NoRecipients)
        );
        assert_eq!(
            resolved(&roster(&["me"]), Cast::Broadcast, &[]),
            Err(RosterError::Alone)
        );
    }
}
