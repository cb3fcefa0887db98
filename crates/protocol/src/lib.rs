//! What travels: the handshake, room messages, sealed envelopes, records and file segments.
//!
//! Sans-IO: bytes in, bytes out. No socket, no clock, no thread; the only outside thing is the operating system's
//! random source. `docs/protocol.md` shows every byte, `docs/threat-model.md` says what it is worth.
//!
//! The rooms, in the order in which a member meets them:
//! - [`password`] and [`handshake`]: a weak password becomes the keys of one connection, and can't be tested offline.
//! - [`record`]: the encrypted frames of that connection.
//! - [`room`]: what client and server say to each other in them, with the checked types [`Name`] and [`Reason`].
//! - [`identity`] and [`envelope`]: what members say to each other, sealed so that the server relays what it can't
//!   read; [`content`] is what lies inside, with [`Cast`], [`Text`] and [`FileName`].
//! - [`segment`]: the UDP datagrams of a file and their acknowledgements; a [`Group`] is where one stream goes to many.

mod characters;
mod codec;
mod file_name;
mod group;
mod key;
mod name;
mod text;

pub mod content;
pub mod envelope;
pub mod handshake;
pub mod identity;
pub mod password;
pub mod record;
pub mod room;
pub mod segment;

pub use backroom_vocabulary::Cast;
pub use codec::{DecodeError, EncodeError};
pub use content::{Content, FileMessage, Offer, TransferId};
pub use envelope::{EnvelopeError, Envelopes};
pub use file_name::{FileName, FileNameError, MAX_FILE_NAME_BYTES};
pub use group::{BadGroupAddress, Group, GroupAddress, GroupOffer};
pub use identity::{Fingerprint, Identity, PublicKey};
pub use key::{Key, RandomError};
pub use name::{MAX_NAME_CHARS, Name, NameError};
pub use password::{Password, StretchParams, StretchedPassword};
pub use record::MAX_RECORD_BYTES;
pub use room::{ClientMessage, MemberId, MemberInfo, Part, Post, Refusal, ServerMessage};
pub use text::{
    MAX_REASON_BYTES, MAX_TEXT_BYTES, Reason, Text, TextTooLong, strip_terminal_controls,
};
