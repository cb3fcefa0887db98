//! Servers that this user has joined: their identity by address, as `ssh` remembers hosts.

use std::path::PathBuf;

use backroom_protocol::IdentityKey;
use backroom_protocol::handshake::{Lifetime, ServerKey};
use backroom_state::{KnownKeys, KnownKeysError, folder};
use backroom_vocabulary::event::IdentityState;

use crate::cli::Options;

/// The file in the state folder.
const FILE: &str = "known_servers";

/// The servers that were joined before.
pub(crate) struct KnownServers {
    keys: KnownKeys,
    /// The file, for messages.
    path: PathBuf,
}

/// How the identity of a server compares with what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerState {
    /// No identity is known for this address, and this one ends with the run of the server.
    Ephemeral,
    /// No identity is known for this address.
    New,
    /// It is the known one.
    Known,
    /// Another one is known.
    Changed { known: IdentityKey },
}

impl KnownServers {
    /// Reads the known servers. With `--ephemeral`, no others are remembered.
    pub(crate) fn open(options: &Options) -> Result<Self, KnownKeysError> {
        let Some(folder) = folder() else {
            return Ok(Self {
                keys: KnownKeys::in_memory(),
                path: FILE.into(),
            });
        };
        let path = folder.join(FILE);
        let keys = KnownKeys::open(&path)?;
        let keys = if options.ephemeral {
            keys.read_only()
        } else {
            keys
        };
        Ok(Self { keys, path })
    }

    /// Compares the identity of the server at this address, as the user gave it, with the known one.
    pub(crate) fn compare(&self, address: &str, server: ServerKey) -> ServerState {
        match (self.keys.get(address), server.lifetime) {
            (Some(known), _) if known == server.key => ServerState::Known,
            (Some(known), _) => ServerState::Changed { known },
            (None, Lifetime::Lasting) => ServerState::New,
            (None, Lifetime::Ephemeral) => ServerState::Ephemeral,
        }
    }

    /// Remembers the identity of a server, unless it ends with the run of the server.
    pub(crate) fn remember(
        &mut self,
        address: &str,
        server: ServerKey,
    ) -> Result<(), KnownKeysError> {
        match server.lifetime {
            Lifetime::Lasting => self.keys.remember(address.to_owned(), server.key),
            Lifetime::Ephemeral => Ok(()),
        }
    }

    /// What to do about a changed identity if nobody can be asked.
    pub(crate) fn remedy(&self, address: &str) -> String {
        format!(
            "to trust the new identity, join once at a terminal, or remove the lines of {address} from {}",
            self.path.display()
        )
    }
}

/// What a changed identity means.
pub(crate) fn describe_change(address: &str, server: ServerKey, known: IdentityKey) -> String {
    format!(
        "the identity of the server at {address} has changed: the server was set up anew, or someone else answers in its place; \
         ask the operator for the fingerprint\n  before: {}\n  now:    {}",
        known.fingerprint(),
        server.key.fingerprint(),
    )
}

impl ServerState {
    /// For the event.
    pub(crate) fn identity_state(self) -> IdentityState {
        match self {
            Self::Ephemeral => IdentityState::Ephemeral,
            Self::New => IdentityState::New,
            Self::Known => IdentityState::Known,
            Self::Changed { .. } => IdentityState::Changed,
        }
    }
}

/// The address under which a server is known: the host as the user gave it, and the port.
pub(crate) fn address(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
