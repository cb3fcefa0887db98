//! The messages between a member and the room, which travel in records.

use std::net::SocketAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec::{self, DecodeError, EncodeError, bounded_bytes, bounded_list, serialize_bytes};
use crate::credential::{BadCredential, Credential, Subject};
use crate::features::Features;
use crate::fingerprint::Fingerprint;
use crate::handshake::Agreement;
use crate::identity::{Identity, IdentityKey};
use crate::key_pair::PublicKey;
use crate::name::Name;
pub use crate::post::{MAX_MEMBERS, MemberId, Part, Post};
use crate::post::{MAX_SEALED_CONTENT_BYTES, MAX_SEALED_KEY_BYTES};
use crate::record::MAX_RECORD_BYTES;
use crate::text::Reason;

/// A member as the room announces it to the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// Unique among all members that the room has ever had.
    pub id: MemberId,
    /// Unique among the present members, compared by [`Name::fold`].
    pub name: Name,
    /// The source address of the member's connection, as the server sees it. File segments go to this IP address.
    pub address: SocketAddr,
    /// The key for which posts to this member are sealed.
    pub public_key: PublicKey,
    /// The features of the member. What two members may use in their messages is what both have.
    pub features: Features,
    /// The member's identity, or `None` if it has none. [`Self::verify`] checks it.
    pub credential: Option<Credential>,
}

impl MemberInfo {
    /// Checks that the member's identity, if it has one, vouches for its name, key and features at this server.
    ///
    /// # Errors
    /// [`BadCredential::Signature`]: the server or the member lies. The key must not be used.
    pub fn verify(&self, server: &IdentityKey) -> Result<(), BadCredential> {
        let subject = Subject {
            name: &self.name,
            public_key: &self.public_key,
            features: self.features,
        };
        match &self.credential {
            Some(credential) => credential.verify(server, subject),
            None => Ok(()),
        }
    }

    /// The identity, or `None` for a member without one.
    pub fn identity(&self) -> Option<IdentityKey> {
        Some(self.credential.as_ref()?.identity)
    }

    /// The fingerprint of the identity. A member without one has that of its key of this session.
    pub fn fingerprint(&self) -> Fingerprint {
        match self.identity() {
            Some(identity) => identity.fingerprint(),
            None => self.public_key.fingerprint(),
        }
    }
}

/// What a client says of itself when it asks to become a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The requested name.
    pub name: Name,
    /// The public key of this session.
    pub public_key: PublicKey,
    /// The client's features.
    pub features: Features,
    /// The client's identity, or `None` if it has none. [`Self::verify`] checks it.
    pub credential: Option<Credential>,
}

impl Join {
    /// A join over the connection of this agreement. The identity, if any, signs it.
    pub fn new(
        name: Name,
        public_key: PublicKey,
        identity: Option<&Identity>,
        agreement: &Agreement,
    ) -> Self {
        let features = Features::CURRENT;
        let subject = Subject {
            name: &name,
            public_key: &public_key,
            features,
        };
        let credential = identity.map(|identity| Credential::sign(identity, agreement, subject));
        Self {
            name,
            public_key,
            features,
            credential,
        }
    }

    /// Checks, as the server, that the client on the connection of this agreement owns its identity, if it has one.
    ///
    /// # Errors
    /// [`BadCredential`]
    pub fn verify(&self, agreement: &Agreement) -> Result<(), BadCredential> {
        let subject = Subject {
            name: &self.name,
            public_key: &self.public_key,
            features: self.features,
        };
        match &self.credential {
            Some(credential) => credential.verify_owner(agreement, subject),
            None => Ok(()),
        }
    }
}

/// A message from a member to the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage {
    /// The first message. The reply is [`ServerMessage::Joined`] or [`ServerMessage::Refused`].
    Join(Join),
    /// A sealed message for other members.
    Post(Post),
    /// A vote to remove a member.
    Kick {
        /// The member to remove.
        target: MemberId,
    },
    /// Requests [`ServerMessage::Users`].
    Users,
    /// Requests [`ServerMessage::Pong`].
    Ping,
    /// The member leaves.
    Leave,
    /// The reply to [`ServerMessage::Ping`].
    Pong,
}

/// A message from the room to a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerMessage {
    /// The member was admitted.
    Joined {
        /// The recipient's own number.
        you: MemberId,
        /// All members of the room, including the recipient.
        #[serde(deserialize_with = "bounded_list::<MAX_MEMBERS, _, _>")]
        members: Vec<MemberInfo>,
    },
    /// The member was not admitted. The connection ends.
    Refused(Refusal),
    /// Another member joined.
    MemberJoined(MemberInfo),
    /// Another member left.
    MemberLeft {
        /// A number that will not be assigned again.
        id: MemberId,
    },
    /// The reply to [`ClientMessage::Users`].
    Users(#[serde(deserialize_with = "bounded_list::<MAX_MEMBERS, _, _>")] Vec<MemberInfo>),
    /// A post for this member.
    Delivery {
        /// The sender, which [`crate::Envelopes::open`] verifies.
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
    /// Recipients of this member's last post that are not in the room.
    Undelivered {
        /// The recipients that did not get the post.
        #[serde(deserialize_with = "bounded_list::<MAX_MEMBERS, _, _>")]
        to: Vec<MemberId>,
    },
    /// The number of votes against a member changed.
    Vote {
        /// The member to be removed.
        target: MemberId,
        /// The current number of votes.
        votes: u32,
        /// The number of votes that removes the target.
        needed: u32,
    },
    /// A member was removed by vote.
    Kicked {
        /// The removed member.
        target: MemberId,
        /// The name of the removed member, which the recipient may already have forgotten.
        name: Name,
    },
    /// A request of this member was not carried out.
    Rejected {
        /// Shown to the user.
        reason: Reason,
    },
    /// The reply to [`ClientMessage::Ping`].
    Pong,
    /// The room closes this connection.
    Closing {
        /// Shown to the user.
        reason: Reason,
    },
    /// Requests [`ClientMessage::Pong`], or any other message, at once. A member that stays silent is replaced by the client
    /// that has its identity and asks for its name.
    Ping,
}

/// The reason for which a room refuses a client that knows the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// A member has this name, or one with the same [`Name::fold`].
    #[error("the name is taken{}", suggestion.as_ref().map(|name| format!("; try {name}")).unwrap_or_default())]
    NameTaken {
        /// A free name, if the server found one.
        suggestion: Option<Name>,
    },
    /// The room has reached its limit of members.
    #[error("the room is full ({limit} members); try again later")]
    RoomFull {
        /// The limit of members.
        limit: u32,
    },
    /// The member was recently removed by vote.
    #[error("you were removed by vote; try again in {seconds} s")]
    Banned {
        /// The remaining time of the ban.
        seconds: u32,
    },
    /// Any other reason.
    #[error("{0}")]
    Other(Reason),
}

/// A message that travels in a record.
pub trait Message: Serialize + DeserializeOwned {
    /// Encodes the message as the plaintext of a record.
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        codec::encode(self)
    }

    /// Decodes the plaintext of a record.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, MAX_RECORD_BYTES)
    }
}

impl Message for ClientMessage {}

impl Message for ServerMessage {}

impl ServerMessage {
    /// Encodes a [`ServerMessage::Delivery`] from borrowed fields. The room encodes one for each recipient of a post, and
    /// would otherwise copy the content each time.
    pub fn encode_delivery(
        from: MemberId,
        content: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, EncodeError> {
        codec::encode(&BorrowedDelivery {
            variant: DELIVERY_VARIANT,
            from,
            content,
            sealed,
        })
    }
}

/// [`ServerMessage::Delivery`] with borrowed fields. A test checks that both encodings are equal.
#[derive(Serialize)]
struct BorrowedDelivery<'a> {
    variant: u8,
    from: MemberId,
    #[serde(serialize_with = "serialize_bytes")]
    content: &'a [u8],
    #[serde(serialize_with = "serialize_bytes")]
    sealed: &'a [u8],
}

/// The index of [`ServerMessage::Delivery`] in its enum, by which postcard encodes a variant.
const DELIVERY_VARIANT: u8 = 5;
