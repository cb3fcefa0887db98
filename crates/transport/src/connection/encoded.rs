//! Messages as bytes, encoded once and sent to many.

use std::marker::PhantomData;

use backroom_protocol::{ClientMessage, DecodeError, EncodeError, MemberId, ServerMessage};
use bytes::Bytes;

/// What a record carries.
pub trait Message: Sized {
    /// The message's bytes.
    ///
    /// # Errors
    /// [`EncodeError`] where it is too large to be sent.
    fn encode(&self) -> Result<Vec<u8>, EncodeError>;

    /// The message of a record.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are none.
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
    /// [`EncodeError`] where it is too large to be sent.
    pub fn new(message: &M) -> Result<Self, EncodeError> {
        message.encode().map(Self::from_vec)
    }
}

impl Encoded<ServerMessage> {
    /// A [`ServerMessage::Delivery`], from borrowed parts of a post.
    ///
    /// # Errors
    /// [`EncodeError`] where it is too large to be sent.
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

    /// The message's bytes, as they go into a record.
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
