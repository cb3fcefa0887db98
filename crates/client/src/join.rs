//! Joining a room: connects, proves the password, then requests a name.

use std::net::SocketAddr;
use std::time::Duration;

use backroom_protocol::{ClientMessage, Identity, Name, RandomError, Refusal, ServerMessage};
use backroom_transport::connection::{ConnectError, Connection, ConnectionError, Login, connect};

use crate::session::Membership;

/// The time that a server has to reply to a join.
const REPLY_TIMEOUT: Duration = Duration::from_secs(15);

/// Connects to a server that has accepted the password, once for each name that is tried.
#[derive(Debug)]
pub struct Connector {
    server: SocketAddr,
    login: Login,
    /// The first connection, until a name is tried on it.
    connection: Option<Connection<ServerMessage, ClientMessage>>,
}

/// Joining with a name failed.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The room refused the name or the member.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Connecting again failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection failed.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The server closed the connection, sent another message, or did not reply in time.
    #[error("the server did not reply to the join")]
    NoReply,
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl Connector {
    /// Resolves the host, connects to the first address that works, and proves the password.
    ///
    /// # Errors
    /// The error of the last address, or [`ConnectError::WrongPassword`] of the first that reports it.
    pub async fn connect(host: &str, port: u16, login: Login) -> Result<Self, ConnectorError> {
        let addresses = tokio::net::lookup_host((host, port)).await;
        let unknown = |source| ConnectorError::UnknownHost {
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

    /// Joins with a name.
    ///
    /// # Errors
    /// After [`JoinError::Refused`], another name may be tried.
    pub async fn join(&mut self, name: &Name) -> Result<Membership, JoinError> {
        if let Some(connection) = self.connection.take() {
            match join_over(self.server, connection, name).await {
                // While the user was choosing a name, the server may have closed the connection.
                Err(JoinError::Connection(_) | JoinError::NoReply) => {}
                answer => return answer,
            }
        }
        let connection = connect(self.server, &self.login).await?;
        join_over(self.server, connection, name).await
    }
}

/// The server cannot be reached, or rejects the password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The host name does not resolve to an address.
    #[error("cannot resolve {host}: {source}; specify an IP address or a valid host name")]
    UnknownHost {
        /// The host as entered.
        host: String,
        /// The error of the system.
        source: std::io::Error,
    },
    /// Connecting or the handshake failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

async fn join_over(
    server: SocketAddr,
    mut connection: Connection<ServerMessage, ClientMessage>,
    name: &Name,
) -> Result<Membership, JoinError> {
    let identity = Identity::generate()?;
    let join = ClientMessage::Join {
        name: name.clone(),
        public_key: identity.public_key(),
    };
    connection.writer.send(&join).await?;
    let answer = tokio::time::timeout(REPLY_TIMEOUT, connection.reader.receive())
        .await
        .map_err(|_| JoinError::NoReply)?;
    match answer? {
        Some(ServerMessage::Joined { you, members }) => Ok(Membership {
            connection,
            identity,
            own_id: you,
            members,
            server,
        }),
        Some(ServerMessage::Refused(refusal)) => Err(refusal.into()),
        _ => Err(JoinError::NoReply),
    }
}
