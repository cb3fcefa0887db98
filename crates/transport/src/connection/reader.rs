//! The receiving half of a connection.

use std::io;
use std::marker::PhantomData;

use backroom_protocol::Message;
use backroom_protocol::record::{RECORD_HEADER_BYTES, RecordOpener};
use bytes::{Buf, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;

use super::error::ConnectionError;

/// Buffer space for a read while the length of the next record is unknown.
const READ_BYTES: usize = 4 << 10;

/// An empty buffer with more capacity is freed: of thousands of members most are silent.
const KEEP_BYTES: usize = 16 << 10;

/// Receives messages of type `In`.
#[derive(Debug)]
pub struct Reader<In> {
    stream: OwnedReadHalf,
    opener: RecordOpener,
    buffer: BytesMut,
    message: PhantomData<fn() -> In>,
}

impl<In: Message> Reader<In> {
    pub(super) fn new(stream: OwnedReadHalf, opener: RecordOpener, received: BytesMut) -> Self {
        Self {
            stream,
            opener,
            buffer: received,
            message: PhantomData,
        }
    }

    /// The next message, or `None` if the other side has closed the connection between two messages.
    ///
    /// Cancel-safe: what has been read stays in the buffer.
    ///
    /// # Errors
    /// [`ConnectionError`]; the connection can't be used after that.
    pub async fn receive(&mut self) -> Result<Option<In>, ConnectionError> {
        loop {
            let missing = match self.record_bytes()? {
                Some(bytes) if self.buffer.len() >= bytes => {
                    return self.take_message(bytes).map(Some);
                }
                Some(bytes) => bytes - self.buffer.len(),
                None => READ_BYTES,
            };
            self.buffer.reserve(missing);
            if self.stream.read_buf(&mut self.buffer).await? > 0 {
                continue;
            }
            return if self.buffer.is_empty() {
                Ok(None)
            } else {
                Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
            };
        }
    }

    /// The length of the next record with its header, if the header has arrived. The length is checked before memory is
    /// allocated for it.
    fn record_bytes(&self) -> Result<Option<usize>, ConnectionError> {
        let Some(&header) = self.buffer.first_chunk::<RECORD_HEADER_BYTES>() else {
            return Ok(None);
        };
        Ok(Some(
            RECORD_HEADER_BYTES + RecordOpener::body_length(header)?,
        ))
    }

    fn take_message(&mut self, bytes: usize) -> Result<In, ConnectionError> {
        let plaintext = self
            .opener
            .open(&mut self.buffer[RECORD_HEADER_BYTES..bytes])?;
        let message = In::decode(plaintext)?;
        self.buffer.advance(bytes);
        if self.buffer.is_empty() && self.buffer.capacity() > KEEP_BYTES {
            self.buffer = BytesMut::new();
        }
        Ok(message)
    }
}
