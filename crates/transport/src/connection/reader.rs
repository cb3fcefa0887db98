//! The receiving direction.

use std::io;
use std::marker::PhantomData;

use backroom_protocol::record::{RECORD_HEADER_BYTES, RecordOpener};
use bytes::{Buf, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;

use super::{ConnectionError, Message};

/// Room for a read where no longer record is known to come.
const READ_BYTES: usize = 4 << 10;

/// A buffer that has grown beyond this is given back once it is empty: thousands of members are mostly silent.
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

    /// The next message, or `None` where the other side has closed the connection between two messages.
    ///
    /// Cancel-safe: what has been read stays in the buffer.
    ///
    /// # Errors
    /// [`ConnectionError`]; the connection is of no use any more.
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

    /// The length of the record in front, header included, where its header has arrived. Checked before anything is
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
