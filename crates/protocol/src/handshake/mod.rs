//! The handshake: SPAKE2 with the stretched password, confirmed by both sides. It ends with the keys of the connection.
//!
//! ```text
//! client                                               server
//!   | Hello      version, random                         |
//!   |--------------------------------------------------->|
//!   |          Challenge   version, random, salt, iterations, share
//!   |<---------------------------------------------------|
//!   | (PBKDF2, about 0.2 s)                              |
//!   | Proof      share, confirmation                     |
//!   |--------------------------------------------------->| checks the client's confirmation first
//!   |                          Accepted   confirmation   |
//!   |<---------------------------------------------------| or Refused
//! ```
//!
//! Each step consumes the previous state: [`ClientHandshake`] -> [`ClientChallenged`] -> [`ClientProved`] and
//! [`ServerHandshake`] -> [`ServerChallenged`] -> [`SessionKeys`]. Frames start with their length ([`frame_length`]). The
//! states take bodies without it and return frames with it. After an error, a server sends [`HandshakeError::refusal`],
//! which is the same for every failure that depends on the password, and closes the connection.

mod client;
mod error;
mod frame;
mod keys;
mod server;

pub use client::{ClientChallenged, ClientHandshake, ClientProved};
pub use error::{HandshakeError, MAX_FRAME_BYTES, VERSION};
pub use frame::{FRAME_HEADER_BYTES, Frame, frame_length};
pub use keys::SessionKeys;
pub use server::{ServerChallenged, ServerHandshake};
