//! Getting into the room: password, then name.

use std::net::SocketAddr;
use std::time::Duration;

use backroom_protocol::{ClientMessage, Identity, Name, RandomError, Refusal, ServerMessage};
use backroom_transport::connection::{ConnectError, Connection, ConnectionError, Login, connect};

use crate::session::Admission;

/// How long a server may take to say whether a name is let in.
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// A server that the password was right for.
#[derive(Debug)]
pub struct Door {
    server: SocketAddr,
    login: Login,
    /// Until a name is tried on it.
    connection: Option<Connection<ServerMessage, ClientMessage>>,
}

/// Why a name did not get in.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The room does not want it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A new connection could not be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection broke.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// It closed, or said something else than whether the name is let in.
    #[error("the server closed the connection without an answer")]
    NoAnswer,
    /// No key could be made.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl Door {
    /// Finds the server and proves the password to it.
    ///
    /// # Errors
    /// Of all addresses that `host` has, what went wrong with the last.
    pub async fn open(host: &str, port: u16, login: Login) -> Result<Self, OpenError> {
        let addresses = tokio::net::lookup_host((host, port)).await;
        let unknown = |source| OpenError::UnknownHost {
            host: host.to_owned(),
            source,
        };
        let mut error = unknown(std::io::ErrorKind::NotFound.into());
        for server in addresses.map_err(unknown)? {
            match connect(server, &login).await {
                Ok(connection) => {
                    return Ok(Self {
                        server,
                        login,
                        connection: Some(connection),
                    });
                }
                Err(ConnectError::WrongPassword) => return Err(ConnectError::WrongPassword.into()),
                Err(failed) => error = failed.into(),
            }
        }
        Err(error)
    }

    /// Tries to get in with a name.
    ///
    /// # Errors
    /// [`JoinError`]; after [`JoinError::Refused`] another name may be tried.
    pub async fn join(&mut self, name: &Name) -> Result<Admission, JoinError> {
        if let Some(connection) = self.connection.take() {
            match join_on(self.server, connection, name).await {
                // Whoever thinks long about a name finds the connection closed, and needs a new one.
                Err(JoinError::Connection(_) | JoinError::NoAnswer) => {}
                answer => return answer,
            }
        }
        let connection = connect(self.server, &self.login).await?;
        join_on(self.server, connection, name).await
    }
}

/// Why a server can't be reached, or does not know the password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No address.
    #[error("can't find {host}: {source}; give an IP address or the name of a host")]
    UnknownHost {
        /// As typed.
        host: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

async fn join_on(
    server: SocketAddr,
    mut connection: Connection<ServerMessage, ClientMessage>,
    name: &Name,
) -> Result<Admission, JoinError> {
    let identity = Identity::generate()?;
    let join = ClientMessage::Join {
        name: name.clone(),
        public_key: identity.public_key(),
    };
    connection.send(&join).await?;
    let answer = tokio::time::timeout(ANSWER_TIME, connection.receive())
        .await
        .map_err(|_| JoinError::NoAnswer)?;
    match answer? {
        Some(ServerMessage::Joined { you, members }) => Ok(Admission {
            connection,
            identity,
            own_id: you,
            members,
            server,
        }),
        Some(ServerMessage::Refused(refusal)) => Err(refusal.into()),
        _ => Err(JoinError::NoAnswer),
    }
}
