//! A joined connection: records in both directions.

use std::io;
use std::net::SocketAddr;

use backroom_protocol::handshake::SessionKeys;
use backroom_protocol::{ClientMessage, Message, ServerMessage};
use bytes::BytesMut;
use tokio::net::TcpStream;

use super::error::ConnectionError;
use super::reader::Reader;
use super::writer::Writer;

/// A member's connection to the room.
pub type ClientConnection = Connection<ServerMessage, ClientMessage>;

/// The room's connection to a member.
pub type ServerConnection = Connection<ClientMessage, ServerMessage>;

/// A joined connection that receives `In` and sends `Out`.
#[derive(Debug)]
pub struct Connection<In, Out> {
    reader: Reader<In>,
    writer: Writer<Out>,
    local_addr: SocketAddr,
    peer_addr: SocketAddr,
}

impl<In: Message, Out: Message> Connection<In, Out> {
    /// `received` is what arrived after the last frame of the handshake.
    pub(super) fn new(
        stream: TcpStream,
        keys: SessionKeys,
        received: BytesMut,
    ) -> io::Result<Self> {
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

    /// The local address.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The remote address.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer_addr
    }

    /// The next message, or `None` if the other side has closed the connection. Cancel-safe.
    ///
    /// # Errors
    /// [`ConnectionError`]; the connection can't be used after that.
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

    /// Splits it for two tasks.
    pub fn split(self) -> (Reader<In>, Writer<Out>) {
        (self.reader, self.writer)
    }
}
