//! The result of a handshake.

use super::binding::ChannelBinding;
use super::keys::SessionKeys;
use super::server_identity::ServerKey;
use crate::features::Features;

/// The result of a handshake.
#[derive(Debug)]
pub struct Established {
    /// The keys of the connection.
    pub keys: SessionKeys,
    /// What both sides know about the connection.
    pub agreement: Agreement,
}

/// What both sides of a connection agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// The protocol version in use.
    pub version: u16,
    /// The features of both sides.
    pub features: Features,
    /// The identity of the server.
    pub server: ServerKey,
    /// The handshake.
    pub binding: ChannelBinding,
}
