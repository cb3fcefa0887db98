//! The server's side of a join.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use backroom_protocol::StretchedPassword;
use backroom_protocol::handshake::{Established, HandshakeError, ServerHandshake, ServerIdentity};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::handshake_io::{HandshakeStream, StepError};
use super::records::{Connection, ServerConnection};

/// The default time limit for a join. It includes the client's password stretching, which takes seconds on a slow machine.
const DEFAULT_HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Why a join failed on the server's side. The client has received as much of the reason as it may know.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The join took too long.
    #[error("the join took too long")]
    TimedOut,
    /// Something other than the handshake arrived, or the password was wrong.
    #[error(transparent)]
    Handshake(HandshakeError),
    /// The client closed the connection.
    #[error("the client closed the connection during the join: {0}")]
    Lost(io::Error),
}

impl AcceptError {
    /// Whether the client speaks only other versions of the protocol.
    pub fn is_other_version(&self) -> bool {
        matches!(self, Self::Handshake(HandshakeError::Version(_)))
    }

    /// Whether this may have been a guess at the password, which a server should throttle.
    pub fn is_wrong_password(&self) -> bool {
        matches!(self, Self::Handshake(HandshakeError::WrongPassword))
    }
}

/// Runs the handshake with clients. Until the password is proved, a join costs one socket, a kilobyte and two scalar
/// multiplications, and ends after the handshake time at the latest. The caller limits the number of concurrent joins.
#[derive(Debug, Clone)]
pub struct Acceptor {
    password: StretchedPassword,
    identity: Arc<ServerIdentity>,
    handshake_time: Duration,
}

impl Acceptor {
    /// An acceptor with a time limit of 10 s for a join.
    pub fn new(password: StretchedPassword, identity: Arc<ServerIdentity>) -> Self {
        Self {
            password,
            identity,
            handshake_time: DEFAULT_HANDSHAKE_TIME,
        }
    }

    /// Sets the time limit for a whole join.
    #[must_use]
    pub fn with_handshake_time(mut self, handshake_time: Duration) -> Self {
        self.handshake_time = handshake_time;
        self
    }

    /// Runs the handshake on a new connection.
    ///
    /// # Errors
    /// [`AcceptError`], after at most the handshake time and one second for sending the reason. All failures that depend on the
    /// password look the same to the client.
    pub async fn accept(&self, stream: TcpStream) -> Result<ServerConnection, AcceptError> {
        let mut stream = HandshakeStream::new(stream).map_err(AcceptError::Lost)?;
        let deadline = Instant::now() + self.handshake_time;
        let established = match self.shake_hands(&mut stream, deadline).await {
            Ok(established) => established,
            Err(StepError::TimedOut) => return Err(AcceptError::TimedOut),
            Err(StepError::Lost(error)) => return Err(AcceptError::Lost(error)),
            Err(StepError::Handshake(error)) => {
                stream.refuse(&error.refusal()).await;
                return Err(AcceptError::Handshake(error));
            }
        };
        let (stream, received) = stream.into_parts();
        Connection::new(stream, established, received).map_err(AcceptError::Lost)
    }

    /// Tells a client that there are too many joins, and closes the connection. Takes at most a second.
    pub async fn refuse_busy(stream: TcpStream) {
        if let Ok(stream) = HandshakeStream::new(stream) {
            stream.refuse(&HandshakeError::Busy.refusal()).await;
        }
    }

    async fn shake_hands(
        &self,
        stream: &mut HandshakeStream,
        deadline: Instant,
    ) -> Result<Established, StepError> {
        let hello = stream.receive(deadline).await?;
        let state = ServerHandshake::new(self.password.clone(), Arc::clone(&self.identity));
        let (state, challenge) = state.handle_hello(&hello)?;
        stream.send(&challenge, deadline).await?;
        let proof = stream.receive(deadline).await?;
        let (established, accepted) = state.handle_proof(&proof)?;
        stream.send(&accepted, deadline).await?;
        Ok(established)
    }
}
