//! From a password to the keys of a connection: SPAKE2 on the stretched password, confirmed by both sides.
//!
//! ```text
//! client                                               server
//!   | Hello      version, random                         |
//!   |--------------------------------------------------->|
//!   |          Challenge   version, random, salt, iterations, share
//!   |<---------------------------------------------------|
//!   | (PBKDF2, about 0.2 s)                              |
//!   | Proof      share, confirmation                     |
//!   |--------------------------------------------------->| checks it before it says anything of its own
//!   |                          Accepted   confirmation   |
//!   |<---------------------------------------------------| or Refused
//! ```
//!
//! Each step consumes the state before it: [`ClientHandshake`] -> [`ClientChallenged`] -> [`ClientProved`] and
//! [`ServerHandshake`] -> [`ServerChallenged`] -> [`SessionKeys`]. Frames carry their length in front
//! ([`frame_length`]); the states take the body without it and give frames with it. On an error a server sends
//! [`HandshakeError::refusal`], which is the same for everything that depends on the password, and closes.

mod client;
mod frame;
mod keys;
mod server;

pub use client::{ClientChallenged, ClientHandshake, ClientProved};
pub use frame::{
    FRAME_HEADER_BYTES, Frame, MAX_FRAME_BYTES, RefusedBecause, frame_length, refused,
};
pub use keys::SessionKeys;
pub use server::{ServerChallenged, ServerHandshake};

use crate::key::RandomError;
use crate::password::BadIterations;

/// The version of everything on the wire. Both sides must speak the same.
pub const VERSION: u16 = 2;

/// Why a handshake failed. The connection is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// A frame's length is 0 or above [`MAX_FRAME_BYTES`].
    #[error(
        "a handshake frame of {bytes} bytes is not between 1 and {MAX_FRAME_BYTES}: this is no backroom peer"
    )]
    FrameLength {
        /// The length announced.
        bytes: usize,
    },
    /// A frame is not the one expected here.
    #[error("the other side does not speak this protocol")]
    Malformed,
    /// The other side speaks another version.
    #[error(
        "the other side speaks another version of the protocol than {VERSION}; update the older one"
    )]
    Version,
    /// The server wants the password stretched too little or too much.
    #[error(transparent)]
    Iterations(#[from] BadIterations),
    /// The password was stretched with other parameters than the server's.
    #[error("the password was stretched for another server")]
    WrongStretch,
    /// The passwords differ, or someone changed the handshake on its way: there is no telling which.
    #[error("wrong password")]
    WrongPassword,
    /// The server has as many joins under way as it allows.
    #[error("the server has too many joins under way; try again in a few seconds")]
    Busy,
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl HandshakeError {
    /// What a server answers to a client whose handshake failed so.
    pub fn refusal(&self) -> Frame {
        refused(match self {
            Self::Version => RefusedBecause::Version,
            Self::Busy => RefusedBecause::Busy,
            _ => RefusedBecause::Failed,
        })
    }
}
