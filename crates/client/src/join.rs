//! Joining a room: connects, proves the password, then requests a name.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use backroom_protocol::handshake::ServerKey;
use backroom_protocol::{
    ClientMessage, Identity, Join, KeyPair, Name, RandomError, Refusal, ServerMessage,
};
use backroom_state::IdentityFileError;
use backroom_transport::connection::{ConnectError, Connection, ConnectionError, Login, connect};

use crate::session::Membership;

/// The time that a server has to reply to a join.
const REPLY_TIMEOUT: Duration = Duration::from_secs(15);

/// Connects to a server that has accepted the password, once for each name that is tried.
pub(crate) struct Connector {
    server: SocketAddr,
    /// The identity of the server at the first connection.
    key: ServerKey,
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
    #[error(transparent)]
    Identity(#[from] IdentityFileError),
    /// The server's identity is not the known one, and the user does not trust it.
    #[error("{0}")]
    ServerChanged(String),
    #[error("the identity of the server changed while joining; do not trust this server")]
    AnotherServer,
    #[error("the server announced another key for this member; do not trust this server")]
    OwnKeyReplaced,
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
                    return Ok(Self {
                        server,
                        key: connection.agreement.server,
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

    /// The identity of the server. The caller decides whether to trust it, before it joins.
    pub(crate) fn server_key(&self) -> ServerKey {
        self.key
    }

    /// Joins with a name, and with an identity if there is one.
    pub(crate) async fn join(
        &mut self,
        name: &Name,
        identity: Option<&Identity>,
    ) -> Result<Membership, JoinError> {
        if let Some(connection) = self.connection.take() {
            match join_over(connection, name, identity).await {
                // While the user was choosing a name, the server may have closed the connection.
                Err(JoinError::Connection(_) | JoinError::NoReply) => {}
                answer => return answer,
            }
        }
        let connection = connect(self.server, &self.login).await?;
        if connection.agreement.server != self.key {
            return Err(JoinError::AnotherServer);
        }
        join_over(connection, name, identity).await
    }
}

async fn join_over(
    mut connection: Connection<ServerMessage, ClientMessage>,
    name: &Name,
    identity: Option<&Identity>,
) -> Result<Membership, JoinError> {
    let key_pair = KeyPair::generate()?;
    let public_key = key_pair.public_key();
    let join = Join::new(name.clone(), public_key, identity, &connection.agreement);
    connection.writer.send(&ClientMessage::Join(join)).await?;
    let answer = tokio::time::timeout(REPLY_TIMEOUT, connection.reader.receive())
        .await
        .map_err(|_| JoinError::NoReply)?;
    match answer? {
        Some(ServerMessage::Joined { you, members }) => {
            let own = members.iter().find(|member| member.id == you);
            if own.is_some_and(|own| own.public_key != public_key) {
                return Err(JoinError::OwnKeyReplaced);
            }
            let server = connection.agreement.server.key;
            let (members, forged) = members
                .into_iter()
                .partition(|member| member.verify(&server).is_ok());
            Ok(Membership {
                connection,
                key_pair,
                own_id: you,
                members,
                forged,
            })
        }
        Some(ServerMessage::Refused(refusal)) => Err(refusal.into()),
        _ => Err(JoinError::NoReply),
    }
}
