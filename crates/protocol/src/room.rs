//! What a member and the room say to each other: the messages inside the records of a joined connection.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::codec::{self, DecodeError, EncodeError, bounded_bytes, bounded_list, serialize_bytes};
use crate::envelope::{MAX_SEALED_CONTENT_BYTES, MAX_SEALED_KEY_BYTES};
use crate::identity::PublicKey;
use crate::name::Name;
use crate::record::MAX_RECORD_BYTES;
use crate::text::Reason;

/// The most members that a room can hold, and so the most recipients of one post.
pub const MAX_MEMBERS: usize = 1_024;

/// A member's number in its room. The server gives each number once: a member that comes back has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MemberId(pub u32);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {}", self.0)
    }
}

/// A member as the room introduces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// Its number.
    pub id: MemberId,
    /// Its name, unique in the room by [`Name::fold`].
    pub name: Name,
    /// Where its connection comes from, as the server sees it; file segments go to this IP address.
    pub address: SocketAddr,
    /// The key that posts to it are sealed for.
    pub public_key: PublicKey,
}

/// From a member to the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage {
    /// The first message: who joins. The answer is [`ServerMessage::Joined`] or [`ServerMessage::Refused`].
    Join {
        /// The name wanted.
        name: Name,
        /// The public half of this session's identity.
        public_key: PublicKey,
    },
    /// Something sealed for other members.
    Post(Post),
    /// A vote to put a member out.
    Kick {
        /// Whom.
        target: MemberId,
    },
    /// Asks for [`ServerMessage::Users`].
    Users,
    /// Asks for [`ServerMessage::Pong`].
    Ping,
    /// The member leaves.
    Leave,
}

/// One content and a key to it for each recipient; see [`crate::envelope`].
///
/// The room hands every part on in the order of the posts, or closes the connection: a part left out makes every later
/// one of that pair unopenable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// The sealed content, the same bytes for all recipients.
    #[serde(
        serialize_with = "serialize_bytes",
        deserialize_with = "bounded_bytes::<MAX_SEALED_CONTENT_BYTES, _>"
    )]
    pub content: Vec<u8>,
    /// A part for each recipient, at most [`MAX_MEMBERS`].
    #[serde(deserialize_with = "bounded_list::<MAX_MEMBERS, _, _>")]
    pub parts: Vec<Part>,
}

/// What one recipient of a post gets beside the content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The recipient.
    pub to: MemberId,
    /// The content's key, sealed for it.
    #[serde(
        serialize_with = "serialize_bytes",
        deserialize_with = "bounded_bytes::<MAX_SEALED_KEY_BYTES, _>"
    )]
    pub sealed: Vec<u8>,
}

/// From the room to a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerMessage {
    /// The member is in.
    Joined {
        /// Its own number.
        you: MemberId,
        /// Everyone in the room, itself included.
        #[serde(deserialize_with = "bounded_list::<MAX_MEMBERS, _, _>")]
        members: Vec<MemberInfo>,
    },
    /// The member is not let in; the connection ends.
    Refused(Refusal),
    /// Someone joined.
    MemberJoined(MemberInfo),
    /// Someone left.
    MemberLeft {
        /// Who.
        id: MemberId,
    },
    /// The answer to [`ClientMessage::Users`].
    Users(#[serde(deserialize_with = "bounded_list::<MAX_MEMBERS, _, _>")] Vec<MemberInfo>),
    /// A post for this member.
    Delivery {
        /// Its sender.
        from: MemberId,
        /// [`Post::content`].
        #[serde(
            serialize_with = "serialize_bytes",
            deserialize_with = "bounded_bytes::<MAX_SEALED_CONTENT_BYTES, _>"
        )]
        content: Vec<u8>,
        /// This member's [`Part::sealed`].
        #[serde(
            serialize_with = "serialize_bytes",
            deserialize_with = "bounded_bytes::<MAX_SEALED_KEY_BYTES, _>"
        )]
        sealed: Vec<u8>,
    },
    /// Recipients of the member's last post who are not, or no longer, in the room.
    Undelivered {
        /// Who did not get it.
        #[serde(deserialize_with = "bounded_list::<MAX_MEMBERS, _, _>")]
        to: Vec<MemberId>,
    },
    /// The tally of a vote changed.
    Vote {
        /// Whom it is about.
        target: MemberId,
        /// Votes now.
        votes: u32,
        /// Votes that put the target out.
        needed: u32,
    },
    /// A member was put out.
    Kicked {
        /// Its number.
        target: MemberId,
        /// Its name.
        name: Name,
    },
    /// A request of this member was not carried out.
    Rejected {
        /// Why.
        reason: Reason,
    },
    /// The answer to [`ClientMessage::Ping`].
    Pong,
    /// The room ends this connection.
    Closing {
        /// Why.
        reason: Reason,
    },
}

/// Why a room lets someone not in who knows the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// A member has this name, or one that people would take for the same.
    #[error("the name is taken{}", suggestion.as_ref().map(|name| format!("; try {name}")).unwrap_or_default())]
    NameTaken {
        /// A free name, if the server found one.
        suggestion: Option<Name>,
    },
    /// The room holds as many members as it may.
    #[error("the room is full ({limit} members); try again when someone has left")]
    RoomFull {
        /// How many it holds.
        limit: u32,
    },
    /// The member was put out a short time ago.
    #[error("put out by vote; come back in {seconds} s")]
    KeptOut {
        /// How long it lasts yet.
        seconds: u32,
    },
    /// Something else.
    #[error("{0}")]
    Other(Reason),
}

impl ClientMessage {
    /// The message's bytes, for a record.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        codec::encode(self)
    }

    /// The message in a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, MAX_RECORD_BYTES)
    }
}

impl ServerMessage {
    /// The message's bytes, for a record.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        codec::encode(self)
    }

    /// The message in a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, MAX_RECORD_BYTES)
    }

    /// The bytes of a [`ServerMessage::Delivery`], without owning its fields first: a post goes to many.
    pub fn encode_delivery(
        from: MemberId,
        content: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, EncodeError> {
        codec::encode(&BorrowedDelivery {
            variant: BorrowedDelivery::VARIANT,
            from,
            content,
            sealed,
        })
    }
}

/// [`ServerMessage::Delivery`] with borrowed fields; a test holds the two encodings together.
#[derive(Serialize)]
struct BorrowedDelivery<'a> {
    variant: u8,
    from: MemberId,
    #[serde(serialize_with = "serialize_bytes")]
    content: &'a [u8],
    #[serde(serialize_with = "serialize_bytes")]
    sealed: &'a [u8],
}

impl BorrowedDelivery<'_> {
    /// The place of [`ServerMessage::Delivery`] in its enum, which is how postcard names a variant.
    const VARIANT: u8 = 5;
}
