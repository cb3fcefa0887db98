//! The outputs of the room: messages to members, disconnections, and notices for the operator.

use std::net::SocketAddr;
use std::sync::Arc;

use backroom_protocol::Name;
use backroom_protocol::room::{MemberId, Part, ServerMessage};
use thiserror::Error;

/// An action for the caller. Apply the outputs in the order in which the room returns them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Send the same message to several members. It is encoded once for all of them.
    Send {
        to: Vec<MemberId>,
        message: ServerMessage,
    },
    /// Send each recipient of a post the content and its part. All recipients are members.
    Deliver {
        from: MemberId,
        /// The sealed content, shared by all recipients.
        content: Arc<[u8]>,
        parts: Vec<Part>,
    },
    /// Close the connection of a member that has left.
    Disconnect {
        member: MemberId,
        /// Whether to drop the queued messages instead of writing them first.
        immediately: bool,
    },
    Notice(Notice),
}

/// An event that the operator is notified of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Connected {
        name: Name,
        peer: SocketAddr,
    },
    Disconnected {
        name: Name,
        departure: Departure,
    },
    /// There are enough votes to remove a member, and the operator decides.
    EnoughVotes {
        name: Name,
        votes: u32,
    },
}

/// The reason for which a member is no longer in the room.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Departure {
    #[error("left")]
    Left,
    #[error("connection lost: {0}")]
    ConnectionLost(String),
    #[error("protocol error: {0}")]
    Malformed(String),
    #[error("timed out: no message received")]
    TimedOut,
    #[error("too slow: its queue is full")]
    QueueFull,
    #[error("silent: the member joined again over another connection")]
    Replaced,
    #[error("removed by vote")]
    Kicked,
    #[error("the room was closed")]
    RoomClosed,
}
