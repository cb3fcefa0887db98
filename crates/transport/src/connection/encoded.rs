//! Messages that are encoded once and sent to many members.

use std::marker::PhantomData;

use backroom_protocol::{EncodeError, MemberId, Message, ServerMessage};
use bytes::Bytes;

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
