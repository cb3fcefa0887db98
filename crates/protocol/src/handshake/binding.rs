//! The hash that names one handshake.

use serde::{Deserialize, Serialize};

/// The hash of a handshake, which no other connection has (RFC 5056).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChannelBinding([u8; 32]);

impl ChannelBinding {
    /// The hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for ChannelBinding {
    fn from(hash: [u8; 32]) -> Self {
        Self(hash)
    }
}
