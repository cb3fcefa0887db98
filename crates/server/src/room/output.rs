//! The outputs of the room: messages to members, disconnections, and notices for the operator.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use backroom_protocol::room::{MemberId, Part, ServerMessage};
use backroom_protocol::{Name, Reason};

/// An action for the caller. Apply the outputs in the order in which the room returns them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send the same message to several members.
    Send {
        /// The recipients.
        to: Vec<MemberId>,
        /// The message to encode once for all of them.
        message: ServerMessage,
    },
    /// Send each recipient of a post the content and its part.
    Deliver {
        /// The sender of the post.
        from: MemberId,
        /// The sealed content, shared by all recipients.
        content: Arc<[u8]>,
        /// One part for each recipient. All recipients are members.
        parts: Vec<Part>,
    },
    /// Close the connection of a member that has left.
    Disconnect {
        /// The former member.
        member: MemberId,
        /// Whether to drop the queued messages instead of writing them first.
        immediately: bool,
    },
    /// Notify the operator.
    Notice(Notice),
}

/// An event that the operator is notified of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A member joined.
    Connected {
        /// The member's name.
        name: Name,
        /// The source address of its connection.
        peer: SocketAddr,
    },
    /// A member left.
    Disconnected {
        /// The member's name.
        name: Name,
        /// The reason.
        departure: Departure,
    },
    /// There are enough votes to remove a member, and the operator decides.
    EnoughVotes {
        /// The member to remove.
        name: Name,
        /// The number of votes.
        votes: u32,
    },
}

/// The reason for which a member is no longer in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The member left.
    Left,
    /// The connection was closed or failed.
    ConnectionLost(String),
    /// The member sent bytes that are not a message of the protocol.
    Malformed(String),
    /// Nothing was received from the member for too long.
    TimedOut,
    /// The member read so slowly that its output queue became full.
    QueueFull,
    /// The member was removed by vote.
    Kicked,
    /// The room was closed.
    RoomClosed,
}

impl Departure {
    /// Whether the messages queued for the member are still written.
    pub(super) fn is_orderly(&self) -> bool {
        !matches!(self, Self::ConnectionLost(_) | Self::QueueFull)
    }

    /// The reason to send before the room closes the connection, unless the member already knows it.
    pub(super) fn closing_reason(&self) -> Option<Reason> {
        match self {
            Self::Malformed(_) | Self::TimedOut => Some(Reason::new(self.to_string())),
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
            Self::Malformed(error) => write!(f, "protocol error: {error}"),
            Self::TimedOut => f.write_str("timed out: no message received"),
            Self::QueueFull => f.write_str("too slow: its queue is full"),
            Self::Kicked => f.write_str("removed by vote"),
            Self::RoomClosed => f.write_str("the room was closed"),
        }
    }
}
