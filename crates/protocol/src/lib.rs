//! The wire protocol: handshake, records, room messages, sealed envelopes and file segments.
//!
//! Sans-IO: this crate turns bytes into values and back. It uses no socket, clock or thread; its only external input is
//! the operating system's random source. `docs/protocol.md` specifies every byte, and `docs/threat-model.md` the security
//! that it provides.
//!
//! The modules, in the order in which a connection uses them:
//! - [`password`] and [`handshake`] turn a weak password into the keys of one connection. An attacker cannot test
//!   passwords offline.
//! - [`record`] holds the encrypted frames of that connection.
//! - [`room`] holds the messages between client and server, with the checked types [`Name`] and [`Reason`].
//! - [`identity`] holds the keys that last, and [`credential`] their signatures of a member's session.
//! - [`key_pair`] and [`envelope`] seal messages between members, so that the server relays them without reading them.
//!   [`content`] is the plaintext, with [`Cast`], [`Text`] and [`FileName`].
//! - [`segment`] holds the UDP datagrams of a file and their acknowledgements. A [`Group`] is the multicast destination of
//!   a stream to several receivers.

mod characters;
mod codec;
mod extensions;
mod features;
mod file_attributes;
mod file_name;
mod fingerprint;
mod group;
mod key;
mod name;
mod post;
mod text;
mod transfer_id;

pub mod content;
pub mod credential;
pub mod envelope;
pub mod handshake;
pub mod identity;
pub mod key_pair;
pub mod password;
pub mod record;
pub mod room;
pub mod segment;

pub use backroom_vocabulary::Cast;
pub use codec::{DecodeError, EncodeError};
pub use content::{Content, FileMessage, Offer, TransferId};
pub use credential::{Credential, Subject};
pub use envelope::{EnvelopeError, Envelopes};
pub use extensions::{BadExtensions, Extensions, MAX_EXTENSION_BYTES, MAX_EXTENSIONS};
pub use features::Features;
pub use file_attributes::{FileAttributes, FileAttributesError, ModifiedTime, Permissions};
pub use file_name::{FileName, FileNameError, MAX_FILE_NAME_BYTES};
pub use fingerprint::Fingerprint;
pub use group::{BadGroupAddress, Group, GroupAddress, GroupOffer};
pub use identity::{Identity, IdentityKey};
pub use key::{Key, RandomError};
pub use key_pair::{KeyPair, PublicKey};
pub use name::{MAX_NAME_CHARS, Name, NameError};
pub use password::{Password, StretchParams, StretchedPassword};
pub use record::MAX_RECORD_BYTES;
pub use room::{
    ClientMessage, Join, MemberId, MemberInfo, Message, Part, Post, Refusal, ServerMessage,
};
pub use text::{
    MAX_REASON_BYTES, MAX_TEXT_BYTES, Reason, Text, TextTooLong, strip_terminal_controls,
};
