//! The sending half of a connection.

use std::io;
use std::marker::PhantomData;

use backroom_protocol::Message;
use backroom_protocol::record::RecordSealer;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;

use super::encoded::Encoded;
use super::error::ConnectionError;

/// An empty buffer with more capacity is freed.
const KEEP_BYTES: usize = 16 << 10;

/// Sends messages of type `Out`.
#[derive(Debug)]
pub struct Writer<Out> {
    stream: OwnedWriteHalf,
    sealer: RecordSealer,
    frames: Vec<u8>,
    written: usize,
    message: PhantomData<fn(Out)>,
}

impl<Out: Message> Writer<Out> {
    pub(super) fn new(stream: OwnedWriteHalf, sealer: RecordSealer) -> Self {
        Self {
            stream,
            sealer,
            frames: Vec::new(),
            written: 0,
            message: PhantomData,
        }
    }

    /// Encodes, seals and sends one message.
    ///
    /// Cancel-safe: a future that is dropped half-way leaves the rest of the record in the buffer, and the next [`Writer::flush`]
    /// or [`Writer::send`] continues there. The message must not be sent again.
    ///
    /// # Errors
    /// [`ConnectionError`]; after [`ConnectionError::Encode`] the connection can still be used.
    pub async fn send(&mut self, message: &Out) -> Result<(), ConnectionError> {
        let encoded = Encoded::new(message)?;
        self.feed(&encoded)?;
        self.flush().await
    }

    /// Seals a message into the buffer without sending it, so that one call sends several. The caller limits the number.
    ///
    /// # Errors
    /// [`ConnectionError::Record`] if the connection's key is used up.
    pub fn feed(&mut self, message: &Encoded<Out>) -> Result<(), ConnectionError> {
        self.sealer.seal(message.as_bytes(), &mut self.frames)?;
        Ok(())
    }

    /// Bytes that were sealed and not yet sent.
    pub fn buffered_bytes(&self) -> usize {
        self.frames.len() - self.written
    }

    /// Sends what is in the buffer. Cancel-safe.
    ///
    /// # Errors
    /// [`ConnectionError::Lost`]
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        while self.written < self.frames.len() {
            let count = self.stream.write(&self.frames[self.written..]).await?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            self.written += count;
        }
        self.written = 0;
        self.frames.clear();
        if self.frames.capacity() > KEEP_BYTES {
            self.frames = Vec::new();
        }
        Ok(())
    }

    /// Sends what is in the buffer and closes this half: the other side reads the end of the stream.
    ///
    /// # Errors
    /// [`ConnectionError::Lost`]
    pub async fn close(&mut self) -> Result<(), ConnectionError> {
        self.flush().await?;
        self.stream.shutdown().await?;
        Ok(())
    }
}
