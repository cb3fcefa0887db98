//! Members whom this user has met: their identity by server and name.

use std::path::PathBuf;

use backroom_protocol::handshake::{Lifetime, ServerKey};
use backroom_protocol::{Fingerprint, IdentityKey, MemberInfo, Name};
use backroom_state::{KnownKeys, KnownKeysError, digits, folder};
use backroom_vocabulary::event::{Event, IdentityState};
use tokio::sync::mpsc;

use super::recorder::Recorder;
use crate::cli::Options;

/// The file in the state folder.
const FILE: &str = "known_members";

/// The members of all servers that were met before.
pub(crate) struct KnownMembers {
    keys: KnownKeys,
    /// The file, unless nothing is to be written.
    path: Option<PathBuf>,
}

/// The members of one server that were met before.
pub(crate) struct Acquaintances {
    server: IdentityKey,
    keys: KnownKeys,
    recorder: Option<Recorder>,
}

impl KnownMembers {
    /// Reads the known members. With `--ephemeral`, no others are remembered.
    pub(crate) fn open(options: &Options) -> Result<Self, KnownKeysError> {
        let Some(folder) = folder() else {
            return Ok(Self {
                keys: KnownKeys::in_memory(),
                path: None,
            });
        };
        let path = folder.join(FILE);
        Ok(Self {
            keys: KnownKeys::open(&path)?,
            path: (!options.ephemeral).then_some(path),
        })
    }

    /// Selects a server. If its identity ends with its run, its members are remembered only in memory.
    pub(crate) fn of(self, server: ServerKey, events: &mpsc::Sender<Event>) -> Acquaintances {
        let lasts = server.lifetime == Lifetime::Lasting;
        let recorder = self.path.filter(|_| lasts);
        Acquaintances {
            server: server.key,
            keys: self.keys,
            recorder: recorder.map(|path| Recorder::start(path, events.clone())),
        }
    }
}

impl Acquaintances {
    /// The server of these members.
    pub(crate) fn server(&self) -> &IdentityKey {
        &self.server
    }

    /// How the identity of a member compares with the one that its name had.
    pub(crate) fn state(&self, member: &MemberInfo) -> IdentityState {
        match (self.known(&member.name), member.identity()) {
            (None, None) => IdentityState::Ephemeral,
            (None, Some(_)) => IdentityState::New,
            (Some(known), Some(identity)) if known == identity => IdentityState::Known,
            (Some(_), _) => IdentityState::Changed,
        }
    }

    /// Remembers the identity of a member whose name had none yet. Returns the fingerprint of the known identity if the member
    /// has another one, or none.
    pub(crate) fn meet(&mut self, member: &MemberInfo) -> Option<Fingerprint> {
        match (self.state(member), member.identity()) {
            (IdentityState::New, Some(identity)) => {
                self.remember(&member.name, identity);
                None
            }
            (IdentityState::Changed, _) => Some(self.known(&member.name)?.fingerprint()),
            _ => None,
        }
    }

    /// Accepts the identity that a name has now.
    pub(crate) fn remember(&mut self, name: &Name, identity: IdentityKey) {
        let owner = self.owner(name);
        if let Some(recorder) = &mut self.recorder {
            recorder.record(&owner, identity);
        }
        self.keys.insert(owner, identity);
    }

    fn known(&self, name: &Name) -> Option<IdentityKey> {
        self.keys.get(&self.owner(name))
    }

    fn owner(&self, name: &Name) -> String {
        format!("{} {}", digits(self.server), name.fold())
    }
}

#[cfg(test)]
mod tests {
    use backroom_protocol::handshake::{Agreement, VERSION};
    use backroom_protocol::{Credential, Features, Identity, KeyPair, MemberId, Subject};

    use super::*;

    fn acquaintances(server: u8) -> Acquaintances {
        Acquaintances {
            server: Identity::from_seed(&[server; 32]).key(),
            keys: KnownKeys::in_memory(),
            recorder: None,
        }
    }

    fn member(name: &str, identity: Option<u8>) -> MemberInfo {
        let name = Name::new(name).unwrap();
        let public_key = KeyPair::generate().unwrap().public_key();
        let agreement = Agreement {
            version: VERSION,
            features: Features::NONE,
            server: ServerKey {
                key: Identity::from_seed(&[1; 32]).key(),
                lifetime: Lifetime::Lasting,
            },
            binding: [2; 32].into(),
        };
        let subject = Subject {
            name: &name,
            public_key: &public_key,
            features: Features::NONE,
        };
        let identity = identity.map(|seed| Identity::from_seed(&[seed; 32]));
        let credential = identity.map(|identity| Credential::sign(&identity, &agreement, subject));
        MemberInfo {
            id: MemberId(1),
            name,
            address: ([127, 0, 0, 1], 4000).into(),
            public_key,
            features: Features::NONE,
            credential,
        }
    }

    #[test]
    fn a_name_keeps_the_identity_of_the_first_meeting() {
        let mut members = acquaintances(1);
        let ada = member("Ada", Some(7));
        assert_eq!(members.state(&ada), IdentityState::New);
        assert_eq!(members.meet(&ada), None);
        assert_eq!(members.state(&ada), IdentityState::Known);
        assert_eq!(members.meet(&member("ada", Some(7))), None);
        for other in [Some(8), None] {
            let other = member("ADA", other);
            assert_eq!(members.meet(&other), Some(ada.fingerprint()));
            assert_eq!(members.meet(&other), Some(ada.fingerprint()), "again");
            assert_eq!(members.state(&other), IdentityState::Changed);
        }
        let new = member("Ada", Some(8));
        members.remember(&new.name, new.identity().unwrap());
        assert_eq!(members.state(&new), IdentityState::Known);
        assert_eq!(members.state(&ada), IdentityState::Changed);
    }

    #[test]
    fn a_name_without_an_identity_is_not_remembered() {
        let mut members = acquaintances(1);
        for _ in 0..2 {
            let guest = member("guest", None);
            assert_eq!(members.meet(&guest), None);
            assert_eq!(members.state(&guest), IdentityState::Ephemeral);
        }
        assert_eq!(members.meet(&member("guest", Some(7))), None);
    }

    #[test]
    fn the_members_of_another_server_are_others() {
        let mut members = acquaintances(1);
        members.meet(&member("Ada", Some(7)));
        members.server = acquaintances(2).server;
        assert_eq!(members.state(&member("Ada", Some(8))), IdentityState::New);
    }
}
