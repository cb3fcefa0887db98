//! The errors of a handshake, and the limits that they mention.

use super::capabilities::VersionMismatch;
use crate::key::RandomError;
use crate::password::BadIterations;

/// The longest body of a frame.
pub const MAX_FRAME_BYTES: usize = 512;

/// A handshake failed. The connection cannot be used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The length of a frame is 0 or above [`MAX_FRAME_BYTES`].
    #[error("invalid handshake frame of {bytes} bytes: the other side is not a backroom program")]
    FrameLength {
        /// The announced length.
        bytes: usize,
    },
    /// A frame is malformed, or not the expected one.
    #[error("unexpected handshake frame: the other side does not speak this protocol")]
    Malformed,
    /// The two sides have no protocol version in common.
    #[error(transparent)]
    Version(#[from] VersionMismatch),
    /// The server requested too few or too many PBKDF2 iterations.
    #[error(transparent)]
    Iterations(#[from] BadIterations),
    /// The password was stretched with other parameters than the server's.
    #[error("the password was stretched for another server")]
    WrongStretch,
    /// The passwords differ, or the handshake was modified in transit. The two cannot be told apart.
    #[error("wrong password")]
    WrongPassword,
    /// The server does not own the identity that it shows.
    #[error("the server shows an identity that is not its own; do not trust this server")]
    ServerIdentity,
    /// The server has reached its limit of concurrent handshakes.
    #[error("the server is busy: too many clients are joining; try again in a few seconds")]
    Busy,
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}
