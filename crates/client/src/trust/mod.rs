//! Identities: the own one, that of the server, and those of the other members.
//!
//! The identity of a server and of each member is remembered at the first use, and compared afterwards.

mod members;
mod own;
mod recorder;
mod server;

pub(crate) use members::{Acquaintances, KnownMembers};
pub(crate) use own::find as find_identity;
pub(crate) use server::{KnownServers, ServerState, address, describe_change};
