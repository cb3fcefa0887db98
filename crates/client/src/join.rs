//! Joining a room: connects, proves the password, then requests a name.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use backroom_protocol::{ClientMessage, Identity, Name, RandomError, Refusal, ServerMessage};
use backroom_transport::connection::{ConnectError, Connection, ConnectionError, Login, connect};

use crate::session::Membership;

/// The time that a server has to reply to a join.
const REPLY_TIMEOUT: Duration = Duration::from_secs(15);

/// Connects to a server that has accepted the password, once for each name that is tried.
pub(crate) struct Connector {
    server: SocketAddr,
    login: Login,
    /// The first connection, until a name is tried on it.
    connection: Option<Connection<ServerMessage, ClientMessage>>,
}

/// The server cannot be reached, or does not let this member join.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    #[error("cannot resolve {host}: {source}; specify an IP address or a valid host name")]
    UnknownHost { host: String, source: io::Error },
    /// After this, another name may be tried.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The server closed the connection, sent another message, or did not reply in time.
    #[error("the server did not reply to the join")]
    NoReply,
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl Connector {
    /// Resolves the host, connects to the first address that works, and proves the password. The error is that of the last
    /// address, unless one reports a wrong password.
    pub(crate) async fn connect(host: &str, port: u16, login: Login) -> Result<Self, JoinError> {
        let addresses = tokio::net::lookup_host((host, port)).await;
        let unknown = |source| JoinError::UnknownHost {
            host: host.to_owned(),
            source,
        };
        let mut error = unknown(io::ErrorKind::NotFound.into());
        for server in addresses.map_err(unknown)? {
            match connect(server, &login).await {
                Ok(connection) => {
                    let connection = Some(connection);
                    return Ok(Self {
                        server,
                        login,
                        connection,
                    });
                }
                Err(ConnectError::WrongPassword) => return Err(ConnectError::WrongPassword.into()),
                Err(failed) => error = failed.into(),
            }
        }
        Err(error)
    }

    pub(crate) async fn join(&mut self, name: &Name) -> Result<Membership, JoinError> {
        if let Some(connection) = self.connection.take() {
            match join_over(connection, name).await {
                // While the user was choosing a name, the server may have closed the connection.
                Err(JoinError::Connection(_) | JoinError::NoReply) => {}
                answer => return answer,
            }
        }
        let connection = connect(self.server, &self.login).await?;
        join_over(connection, name).await
    }
}

async fn join_over(
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
        }),
        Some(ServerMessage::Refused(refusal)) => Err(refusal.into()),
        _ => Err(JoinError::NoReply),
    }
}
