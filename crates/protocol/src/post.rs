//! A post: a sealed content, and its key sealed for each recipient.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codec::{bounded_bytes, bounded_list, serialize_bytes};
use crate::content::MAX_CONTENT_BYTES;
use crate::record::TAG_BYTES;

/// The most members that a room can have, and so the most recipients of one post.
pub const MAX_MEMBERS: usize = 1_024;

/// The longest sealed content.
pub(crate) const MAX_SEALED_CONTENT_BYTES: usize = MAX_CONTENT_BYTES + TAG_BYTES;

/// The longest sealed content key: the first one of a pair, with HPKE's encapsulated key.
pub(crate) const MAX_SEALED_KEY_BYTES: usize = 1 + ENCAPSULATED_BYTES + 32 + TAG_BYTES;

/// The length of HPKE's encapsulated key: an X25519 public key.
pub(crate) const ENCAPSULATED_BYTES: usize = 32;

/// Identifies a member of a room. The server assigns each number once; a member that joins again gets a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MemberId(pub u32);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {}", self.0)
    }
}

/// A sealed content, and the key to it for each recipient; see [`crate::envelope`].
///
/// The room delivers the parts for a recipient in the order of the posts, or closes the connection. A missing part would
/// make every later part for that recipient impossible to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// The sealed content, the same bytes for all recipients.
    #[serde(
        serialize_with = "serialize_bytes",
        deserialize_with = "bounded_bytes::<MAX_SEALED_CONTENT_BYTES, _>"
    )]
    pub content: Vec<u8>,
    /// One part for each recipient, at most [`MAX_MEMBERS`].
    #[serde(deserialize_with = "bounded_list::<MAX_MEMBERS, _, _>")]
    pub parts: Vec<Part>,
}

/// The part of a post that only one recipient gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The recipient.
    pub to: MemberId,
    /// The content's key, sealed for the recipient.
    #[serde(
        serialize_with = "serialize_bytes",
        deserialize_with = "bounded_bytes::<MAX_SEALED_KEY_BYTES, _>"
    )]
    pub sealed: Vec<u8>,
}
