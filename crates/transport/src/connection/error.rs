//! Why a joined connection fails.

use std::io;

use backroom_protocol::record::RecordError;
use backroom_protocol::{DecodeError, EncodeError};

/// Why a joined connection ended.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The network failed, or the other side's process has ended.
    #[error("the connection was lost: {0}")]
    Lost(#[from] io::Error),
    /// A record is not authentic, or too large.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record does not contain a message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The message to send is too large. Nothing was sent, and the connection can still be used.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}
