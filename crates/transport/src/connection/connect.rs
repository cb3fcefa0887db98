//! The client's side of a join.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use backroom_protocol::handshake::{ClientHandshake, HandshakeError};
use backroom_protocol::{Password, StretchParams, StretchedPassword};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::handshake_io::{HandshakeStream, StepError};
use super::records::{ClientConnection, Connection};

/// The time limit for the TCP connection and for each step of the handshake. Stretching the password does not count.
const STEP_TIME: Duration = Duration::from_secs(10);

/// Why a client could not join.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server listens there, or there is no route.
    #[error(
        "can't reach a server at {0}: {1}; check the address and the port, and whether the server is running"
    )]
    Unreachable(SocketAddr, #[source] io::Error),
    /// The server did not answer in time.
    #[error("the server at {0} does not respond; check the address and the port")]
    TimedOut(SocketAddr),
    /// The password is wrong, or the handshake was modified on the network.
    #[error("wrong password")]
    WrongPassword,
    /// The server runs too many handshakes. The same call may succeed later.
    #[error("the server is busy; try again in a few seconds")]
    Busy,
    /// The handshake failed for another reason.
    #[error("can't join the server at {0}: {1}")]
    Handshake(SocketAddr, #[source] HandshakeError),
    /// The connection was lost before the join was complete.
    #[error("the server at {0} closed the connection during the join: {1}")]
    Lost(SocketAddr, #[source] io::Error),
}

/// A password and its last stretched form. Clones share both, so a load generator stretches once for a thousand members.
#[derive(Debug, Clone)]
pub struct Login {
    password: Arc<Password>,
    stretched: Arc<Mutex<Option<StretchedPassword>>>,
}

impl Login {
    /// Stretches nothing yet.
    pub fn new(password: Password) -> Self {
        Self {
            password: Arc::new(password),
            stretched: Arc::default(),
        }
    }

    /// Stretching takes 0.2 s of one core, so it runs on a blocking thread, once for each server. Concurrent calls wait for the
    /// result.
    async fn stretch(&self, params: StretchParams) -> io::Result<StretchedPassword> {
        let mut known = self.stretched.lock().await;
        if let Some(stretched) = &*known
            && stretched.params() == params
        {
            return Ok(stretched.clone());
        }
        let password = Arc::clone(&self.password);
        let stretching =
            tokio::task::spawn_blocking(move || StretchedPassword::stretch(&password, params));
        let stretched = stretching.await.map_err(io::Error::other)?;
        Ok(known.insert(stretched).clone())
    }
}

/// Connects to a server and proves the password. The server learns nothing that it could test offline. Anyone with the
/// password can be the server: the caller compares the identity in [`Connection::agreement`] with the one that it knows.
///
/// # Errors
/// [`ConnectError`], within a bounded time.
pub async fn connect(server: SocketAddr, login: &Login) -> Result<ClientConnection, ConnectError> {
    let stream = timeout(STEP_TIME, TcpStream::connect(server))
        .await
        .map_err(|_| ConnectError::TimedOut(server))?
        .map_err(|error| ConnectError::Unreachable(server, error))?;
    shake_hands(stream, login)
        .await
        .map_err(|error| match error {
            StepError::TimedOut => ConnectError::TimedOut(server),
            StepError::Lost(error) => ConnectError::Lost(server, error),
            StepError::Handshake(HandshakeError::WrongPassword) => ConnectError::WrongPassword,
            StepError::Handshake(HandshakeError::Busy) => ConnectError::Busy,
            StepError::Handshake(error) => ConnectError::Handshake(server, error),
        })
}

async fn shake_hands(stream: TcpStream, login: &Login) -> Result<ClientConnection, StepError> {
    let mut stream = HandshakeStream::new(stream)?;
    let deadline = Instant::now() + STEP_TIME;
    let (state, hello) = ClientHandshake::start()?;
    stream.send(&hello, deadline).await?;
    let state = state.handle_challenge(&stream.receive(deadline).await?)?;

    let stretched = login.stretch(state.stretch_params()).await?;

    let deadline = Instant::now() + STEP_TIME;
    let (state, proof) = state.prove(&stretched)?;
    stream.send(&proof, deadline).await?;
    let established = state.handle_reply(&stream.receive(deadline).await?)?;
    let (stream, received) = stream.into_parts();
    Ok(Connection::new(stream, established, received)?)
}
