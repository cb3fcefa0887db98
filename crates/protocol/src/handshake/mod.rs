//! The handshake: SPAKE2 with the stretched password, confirmed by both sides. It ends with the keys of the connection.
//!
//! ```text
//! client                                               server
//!   | Hello      versions, features, random              |
//!   |--------------------------------------------------->|
//!   |   Challenge   versions, features, random, salt, iterations, share
//!   |<---------------------------------------------------|
//!   | (PBKDF2, about 0.2 s)                              |
//!   | Proof      share, confirmation                     |
//!   |--------------------------------------------------->| checks the client's confirmation first
//!   |     Accepted   confirmation, identity, signature   |
//!   |<---------------------------------------------------| or Refused
//! ```
//!
//! Each step consumes the previous state: [`ClientHandshake`] -> [`ClientChallenged`] -> [`ClientProved`] and
//! [`ServerHandshake`] -> [`ServerChallenged`] -> [`Established`]. Frames start with their length ([`frame_length`]). The
//! states take bodies without it and return frames with it. After an error, a server sends [`HandshakeError::refusal`],
//! which is the same for every failure that depends on the password, and closes the connection.
//!
//! Both sides compute the version and the features that they use from the first frames ([`Capabilities`]). A frame may be
//! longer than this program knows: a later version may append fields. They are ignored, but the confirmations cover them like
//! every other byte.

mod agreement;
mod binding;
mod capabilities;
mod client;
mod error;
mod frame;
mod keys;
mod server;
mod server_identity;

#[cfg(test)]
mod tests;

pub use agreement::{Agreement, Established};
pub use binding::ChannelBinding;
pub use capabilities::{Capabilities, VERSION, VersionMismatch, Versions};
pub use client::{ClientChallenged, ClientHandshake, ClientProved};
pub use error::{HandshakeError, MAX_FRAME_BYTES};
pub use frame::{FRAME_HEADER_BYTES, Frame, frame_length};
pub use keys::SessionKeys;
pub use server::{ServerChallenged, ServerHandshake};
pub use server_identity::{Lifetime, ServerIdentity, ServerKey};
