//! The encrypted TCP connection between a member and the room.
//!
//! [`connect`] and [`Acceptor::accept`] run the handshake, with a time limit on every step and a size limit on every
//! frame, and end in a [`Connection`]: records in both directions, each one message. It splits into a [`Reader`] and
//! a [`Writer`], both safe to use in `tokio::select!`: a future dropped half-way loses nothing.
//!
//! What a room sends to many is encoded once ([`Encoded`]) and only sealed for each.

mod accept;
mod connect;
mod encoded;
mod handshake_io;
mod reader;
mod writer;

use std::io;
use std::net::SocketAddr;

use backroom_protocol::handshake::SessionKeys;
use backroom_protocol::record::RecordError;
use backroom_protocol::{ClientMessage, DecodeError, EncodeError, ServerMessage};
use bytes::BytesMut;
use tokio::net::TcpStream;

pub use accept::{AcceptError, Acceptor};
pub use connect::{ConnectError, Login, connect};
pub use encoded::{Encoded, Message};
pub use reader::Reader;
pub use writer::Writer;

/// What a member holds.
pub type ClientConnection = Connection<ServerMessage, ClientMessage>;

/// What the room holds for each member.
pub type ServerConnection = Connection<ClientMessage, ServerMessage>;

/// A joined connection that receives `In` and sends `Out`.
#[derive(Debug)]
pub struct Connection<In, Out> {
    reader: Reader<In>,
    writer: Writer<Out>,
    local_addr: SocketAddr,
    peer_addr: SocketAddr,
}

/// Why a joined connection ended.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The network or the other side's process is gone.
    #[error("the connection is lost: {0}")]
    Lost(#[from] io::Error),
    /// A record did not open, or was too large.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record held no message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A message of our own is too large. Nothing was sent, and the connection goes on.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl<In: Message, Out: Message> Connection<In, Out> {
    /// `received` is what came after the handshake's last frame.
    fn new(stream: TcpStream, keys: SessionKeys, received: BytesMut) -> io::Result<Self> {
        let local_addr = stream.local_addr()?;
        let peer_addr = stream.peer_addr()?;
        let (read, write) = stream.into_split();
        Ok(Self {
            reader: Reader::new(read, keys.receive, received),
            writer: Writer::new(write, keys.send),
            local_addr,
            peer_addr,
        })
    }

    /// This side's address.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The other side's address.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer_addr
    }

    /// The next message, or `None` where the other side has closed the connection. Cancel-safe.
    ///
    /// # Errors
    /// [`ConnectionError`]; the connection is of no use any more.
    pub async fn receive(&mut self) -> Result<Option<In>, ConnectionError> {
        self.reader.receive().await
    }

    /// Sends one message. Cancel-safe, see [`Writer::send`].
    ///
    /// # Errors
    /// [`ConnectionError`]
    pub async fn send(&mut self, message: &Out) -> Result<(), ConnectionError> {
        self.writer.send(message).await
    }

    /// Both directions, for two tasks.
    pub fn split(self) -> (Reader<In>, Writer<Out>) {
        (self.reader, self.writer)
    }
}
