//! A joined connection: records in both directions.

use std::io;
use std::net::SocketAddr;

use backroom_protocol::handshake::{Agreement, Established};
use backroom_protocol::{ClientMessage, Message, ServerMessage};
use bytes::BytesMut;
use tokio::net::TcpStream;

use super::reader::Reader;
use super::writer::Writer;

/// A member's connection to the room.
pub type ClientConnection = Connection<ServerMessage, ClientMessage>;

/// The room's connection to a member.
pub type ServerConnection = Connection<ClientMessage, ServerMessage>;

/// A joined connection that receives `In` and sends `Out`.
#[derive(Debug)]
pub struct Connection<In, Out> {
    /// The receiving half.
    pub reader: Reader<In>,
    /// The sending half.
    pub writer: Writer<Out>,
    /// The local address.
    pub local_addr: SocketAddr,
    /// The remote address.
    pub peer_addr: SocketAddr,
    /// What both sides agreed on in the handshake.
    pub agreement: Agreement,
}

impl<In: Message, Out: Message> Connection<In, Out> {
    /// `received` is what arrived after the last frame of the handshake.
    pub(super) fn new(
        stream: TcpStream,
        established: Established,
        received: BytesMut,
    ) -> io::Result<Self> {
        let local_addr = stream.local_addr()?;
        let peer_addr = stream.peer_addr()?;
        let (read, write) = stream.into_split();
        let Established { keys, agreement } = established;
        Ok(Self {
            reader: Reader::new(read, keys.receive, received),
            writer: Writer::new(write, keys.send),
            local_addr,
            peer_addr,
            agreement,
        })
    }
}
