//! What the room wants done: messages to members, ends of connections, news for the operator.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use backroom_protocol::room::{MemberId, Part, ServerMessage};
use backroom_protocol::{Name, Reason};

/// Something to be carried out, in the order in which the room returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The same message to each of these members.
    Send {
        /// To whom.
        to: Vec<MemberId>,
        /// What.
        message: ServerMessage,
    },
    /// A post: the content and its own part to each recipient.
    Deliver {
        /// Who posted it.
        from: MemberId,
        /// The sealed content, for all of them.
        content: Arc<[u8]>,
        /// A part for each recipient, all of them members.
        parts: Vec<Part>,
    },
    /// The member has left; its connection is to end.
    Disconnect {
        /// Whose.
        member: MemberId,
        /// Without writing what still waits to be written.
        at_once: bool,
    },
    /// News for the operator.
    Notice(Notice),
}

/// What the operator gets to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Somebody joined.
    Connected {
        /// Who.
        name: Name,
        /// From where.
        peer: SocketAddr,
    },
    /// Somebody left.
    Disconnected {
        /// Who.
        name: Name,
        /// How it came.
        departure: Departure,
    },
    /// The members want somebody out, and the operator decides.
    VotesSuffice {
        /// Whom.
        name: Name,
        /// How many of them.
        votes: u32,
    },
}

/// How a member's stay came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It said so.
    Left,
    /// Its connection ended or failed.
    ConnectionLost(String),
    /// It sent what is no message of the protocol.
    Malformed(String),
    /// Nothing was heard of it for too long.
    Silent,
    /// It read so slowly that its queue filled.
    QueueFull,
    /// The votes put it out.
    Kicked,
    /// The room ended.
    RoomClosed,
}

impl Departure {
    /// Whether what is queued for the member is still to be written.
    pub(super) fn is_orderly(&self) -> bool {
        !matches!(self, Self::ConnectionLost(_) | Self::QueueFull)
    }

    /// What the member is told, where the room ends the connection and has not said why yet.
    pub(super) fn farewell(&self) -> Option<Reason> {
        match self {
            Self::Malformed(_) | Self::Silent => Some(Reason::new(self.to_string())),
            Self::Left
            | Self::ConnectionLost(_)
            | Self::QueueFull
            | Self::Kicked
            | Self::RoomClosed => None,
        }
    }
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("left"),
            Self::ConnectionLost(error) => write!(f, "connection lost: {error}"),
            Self::Malformed(error) => write!(f, "not understood: {error}"),
            Self::Silent => f.write_str("nothing heard for too long"),
            Self::QueueFull => f.write_str("reads too slowly: its queue is full"),
            Self::Kicked => f.write_str("put out by vote"),
            Self::RoomClosed => f.write_str("the room closed"),
        }
    }
}
