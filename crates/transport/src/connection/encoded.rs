//! Messages that are encoded once and sent to many members.

use std::marker::PhantomData;

use backroom_protocol::{ClientMessage, DecodeError, EncodeError, MemberId, ServerMessage};
use bytes::Bytes;

/// A message that fits into a record.
pub trait Message: Sized {
    /// Encodes the message.
    ///
    /// # Errors
    /// [`EncodeError`] if it is too large.
    fn encode(&self) -> Result<Vec<u8>, EncodeError>;

    /// Decodes a record.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a message.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;
}

impl Message for ClientMessage {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        self.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(bytes)
    }
}

impl Message for ServerMessage {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        self.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(bytes)
    }
}

/// An encoded message of type `M`. Cloning it copies no bytes.
#[derive(Debug)]
pub struct Encoded<M> {
    bytes: Bytes,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Encoded<M> {
    /// Encodes a message.
    ///
    /// # Errors
    /// [`EncodeError`] if it is too large.
    pub fn new(message: &M) -> Result<Self, EncodeError> {
        message.encode().map(Self::from_vec)
    }
}

impl Encoded<ServerMessage> {
    /// Encodes a [`ServerMessage::Delivery`] from borrowed parts.
    ///
    /// # Errors
    /// [`EncodeError`] if it is too large.
    pub fn delivery(from: MemberId, content: &[u8], sealed: &[u8]) -> Result<Self, EncodeError> {
        ServerMessage::encode_delivery(from, content, sealed).map(Self::from_vec)
    }
}

impl<M> Encoded<M> {
    fn from_vec(bytes: Vec<u8>) -> Self {
        Self {
            bytes: bytes.into(),
            message: PhantomData,
        }
    }

    /// The encoded message.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl<M> Clone for Encoded<M> {
    fn clone(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            message: PhantomData,
        }
    }
}
