//! The encrypted TCP connection between a member and the room.
//!
//! [`connect`] and [`Acceptor::accept`] run the handshake, with a time limit for every step and a size limit for every frame.
//! The result is a [`Connection`]: records in both directions, each with one message. It splits into a [`Reader`] and a
//! [`Writer`]. Both are cancel-safe: a future that is dropped half-way loses nothing.
//!
//! A message to many members is encoded once ([`Encoded`]) and sealed for each of them.

mod accept;
mod connect;
mod encoded;
mod error;
mod handshake_io;
mod reader;
mod records;
mod writer;

pub use accept::{AcceptError, Acceptor};
pub use connect::{ConnectError, Login, connect};
pub use encoded::Encoded;
pub use error::ConnectionError;
pub use reader::Reader;
pub use records::{ClientConnection, Connection, ServerConnection};
pub use writer::Writer;
