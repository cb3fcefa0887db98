//! Frames of the handshake over TCP, each within a deadline.

use std::io;
use std::time::Duration;

use backroom_protocol::handshake::{
    FRAME_HEADER_BYTES, Frame, HandshakeError, MAX_FRAME_BYTES, frame_length,
};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a refused peer may take to read the reason.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// How many bytes of a refused peer are read and discarded.
const REFUSAL_DISCARD_BYTES: usize = 4 << 10;

/// Why a step of the handshake failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error("timed out")]
    TimedOut,
    #[error(transparent)]
    Lost(#[from] io::Error),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

/// A TCP stream of handshake frames.
pub(super) struct HandshakeStream {
    stream: TcpStream,
    received: BytesMut,
}

impl HandshakeStream {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: BytesMut::with_capacity(FRAME_HEADER_BYTES + MAX_FRAME_BYTES),
        })
    }

    /// The body of the next frame, which must be complete at `deadline`.
    pub(super) async fn receive(&mut self, deadline: Instant) -> Result<BytesMut, StepError> {
        timeout_at(deadline, self.receive_frame())
            .await
            .map_err(|_| StepError::TimedOut)?
    }

    async fn receive_frame(&mut self) -> Result<BytesMut, StepError> {
        loop {
            if let Some(&header) = self.received.first_chunk::<FRAME_HEADER_BYTES>() {
                let length = frame_length(header)?;
                if self.received.len() >= FRAME_HEADER_BYTES + length {
                    self.received.advance(FRAME_HEADER_BYTES);
                    return Ok(self.received.split_to(length));
                }
            }
            self.received.reserve(FRAME_HEADER_BYTES + MAX_FRAME_BYTES);
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    pub(super) async fn send(&mut self, frame: &Frame, deadline: Instant) -> Result<(), StepError> {
        let sent = timeout_at(deadline, self.stream.write_all(frame.as_bytes())).await;
        Ok(sent.map_err(|_| StepError::TimedOut)??)
    }

    /// Sends the reason and closes the connection. What the peer still sends is read for a moment: closing a socket with unread
    /// bytes resets the connection, and the peer would not get the reason.
    pub(super) async fn refuse(mut self, frame: &Frame) {
        let farewell = async {
            self.stream.write_all(frame.as_bytes()).await?;
            self.stream.shutdown().await?;
            let mut discarded = 0;
            let mut buffer = [0; 512];
            while discarded < REFUSAL_DISCARD_BYTES {
                match self.stream.read(&mut buffer).await? {
                    0 => break,
                    count => discarded += count,
                }
            }
            io::Result::Ok(())
        };
        if !matches!(timeout(REFUSAL_TIME, farewell).await, Ok(Ok(()))) {
            tracing::debug!("a refused peer did not read the reason");
        }
    }

    /// The stream, and what was read beyond the last frame.
    pub(super) fn into_parts(self) -> (TcpStream, BytesMut) {
        (self.stream, self.received)
    }
}
