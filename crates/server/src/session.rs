//! One connection, from the handshake to its end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backroom_protocol::Reason;
use backroom_protocol::handshake::Agreement;
use backroom_protocol::room::{ClientMessage, Join, MemberId, Refusal, ServerMessage};
use backroom_transport::connection::{AcceptError, Acceptor, ConnectionError, Reader, Writer};
use tokio::net::TcpStream;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::admission::{Admission, JoinPermit};
use crate::hub::Hub;
use crate::outbox::{Outbox, Phase};
use crate::rate_limit::{RateLimitConfig, RateLimiter};
use crate::room::{Departure, Member};

/// The time that a closing connection has to deliver its last messages.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The bytes that are sealed before each write, so that many small messages need few system calls.
const BATCH_BYTES: usize = 64 * 1_024;

/// The state that all connections share.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) hub: Hub,
    pub(crate) admission: Arc<Admission>,
    pub(crate) acceptor: Acceptor,
    /// The longest duration of a join, from the accepted connection to the first message.
    pub(crate) join_time: Duration,
    /// The time without a message after which a member counts as lost.
    pub(crate) silence: Duration,
    /// The size of a member's output queue.
    pub(crate) queue_bytes: usize,
    pub(crate) rate_limit: RateLimitConfig,
    /// Cancelled when the server stops.
    pub(crate) stop: CancellationToken,
}

type MemberReader = Reader<ClientMessage>;
type MemberWriter = Writer<ServerMessage>;

impl Sessions {
    /// Runs a connection to its end.
    pub(crate) async fn run(&self, stream: TcpStream, peer: SocketAddr, permit: JoinPermit) {
        let joined = tokio::select! {
            joined = time::timeout(self.join_time, self.accept(stream, peer)) => joined,
            () = self.stop.cancelled() => return,
        };
        let (mut reader, mut writer, member) = match joined {
            Ok(Some(joined)) => joined,
            Ok(None) => return,
            Err(_) => {
                info!(%peer, "join timed out");
                return;
            }
        };
        let name = member.name.clone();
        let outbox = Arc::new(Outbox::new(self.queue_bytes));
        match self.hub.join(member, &outbox).await {
            Ok(id) => {
                // Joining is complete, so the next client may start.
                drop(permit);
                let (reader, writer) = (&mut reader, &mut writer);
                self.serve_member(id, reader, writer, &outbox).await;
            }
            Err(refusal) => {
                info!(%peer, %name, "refused: {refusal}");
                refuse(&mut reader, &mut writer, refusal).await;
            }
        }
    }

    /// Performs the handshake and reads the first message. Logs failures.
    async fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Option<(MemberReader, MemberWriter, Member)> {
        let connection = match self.acceptor.accept(stream).await {
            Ok(connection) => connection,
            Err(error) => {
                self.log_failed_join(peer.ip(), &error);
                return None;
            }
        };
        let local = canonical(connection.local_addr).ip();
        let (mut reader, mut writer) = (connection.reader, connection.writer);
        match first_message(&mut reader, &connection.agreement).await {
            Ok(join) => {
                let member = Member {
                    name: join.name,
                    public_key: join.public_key,
                    features: join.features,
                    credential: join.credential,
                    peer,
                    local,
                };
                Some((reader, writer, member))
            }
            Err(reason) => {
                info!(%peer, "did not join: {reason}");
                refuse(&mut reader, &mut writer, Refusal::Other(reason)).await;
                None
            }
        }
    }

    fn log_failed_join(&self, address: IpAddr, error: &AcceptError) {
        if error.is_other_version() {
            info!(%address, "refused: {error}");
            return;
        }
        if !error.is_wrong_password() {
            debug!(%address, "join failed: {error}");
            return;
        }
        let wait = self.admission.failed(Instant::now(), address);
        if wait.is_zero() {
            info!(%address, "wrong password");
        } else {
            warn!(%address, wait_s = wait.as_secs(), "too many wrong passwords; further joins are refused for a while");
        }
    }

    /// Reads from and writes to a member until it leaves or is removed, then closes the connection.
    async fn serve_member(
        &self,
        id: MemberId,
        reader: &mut MemberReader,
        writer: &mut MemberWriter,
        outbox: &Outbox,
    ) {
        tokio::select! {
            departure = self.receive_messages(id, reader) => self.hub.leave(id, departure),
            written = write(writer, outbox) => if let Err(error) = written {
                self.hub.leave(id, departure_after(&error));
            },
            _ = outbox.ended() => {}
        }
        if outbox.ended().await == Phase::Finished {
            let exchange = async {
                write(writer, outbox).await?;
                close_gracefully(reader, writer).await
            };
            if !matches!(time::timeout(CLOSE_TIMEOUT, exchange).await, Ok(Ok(()))) {
                debug!(%id, "the connection did not close cleanly");
            }
        }
    }

    /// Passes a member's messages to the room until the member leaves. A member that exceeds the rate limit is read more
    /// slowly; see [`crate::rate_limit`] for why nothing is dropped.
    async fn receive_messages(&self, id: MemberId, reader: &mut MemberReader) -> Departure {
        let mut limiter = RateLimiter::new(self.rate_limit, Instant::now());
        loop {
            let message = match time::timeout(self.silence, reader.receive()).await {
                Ok(Ok(Some(message))) => message,
                Ok(Ok(None)) => return Departure::Left,
                Ok(Err(error)) => return departure_after(&error),
                Err(_) => return Departure::TimedOut,
            };
            let wait = limiter.charge(Instant::now(), &message);
            self.hub.handle_message(id, message);
            if !wait.is_zero() {
                debug!(%id, wait_ms = wait.as_millis(), "rate limit exceeded");
                time::sleep(wait).await;
            }
        }
    }
}

/// Converts the address of an IPv4 client of an IPv6 socket from an IPv4-mapped address to IPv4.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Reads the join message, and checks that the client owns the identity that it shows. Returns the reason to send to the client
/// if it does not, or if its first message is something else.
async fn first_message(reader: &mut MemberReader, agreement: &Agreement) -> Result<Join, Reason> {
    match reader.receive().await {
        Ok(Some(ClientMessage::Join(join))) => match join.verify(agreement) {
            Ok(()) => Ok(join),
            Err(error) => Err(Reason::new(format!("invalid identity: {error}"))),
        },
        Ok(Some(_)) => Err(Reason::new("the first message must be a join")),
        Ok(None) => Err(Reason::new("the connection was closed before a message")),
        Err(error) => Err(Reason::new(error.to_string())),
    }
}

/// Writes the queued messages in batches until the queue ends. Cancel-safe.
async fn write(writer: &mut MemberWriter, outbox: &Outbox) -> Result<(), ConnectionError> {
    writer.flush().await?;
    while let Some(outgoing) = outbox.next().await {
        writer.feed(&outgoing.encode()?)?;
        while writer.buffered_bytes() < BATCH_BYTES
            && let Some(outgoing) = outbox.try_next()
        {
            writer.feed(&outgoing.encode()?)?;
        }
        writer.flush().await?;
    }
    Ok(())
}

async fn refuse(reader: &mut MemberReader, writer: &mut MemberWriter, refusal: Refusal) {
    let exchange = async {
        writer.send(&ServerMessage::Refused(refusal)).await?;
        close_gracefully(reader, writer).await
    };
    if !matches!(time::timeout(CLOSE_TIMEOUT, exchange).await, Ok(Ok(()))) {
        debug!("a refused client did not wait for the reason");
    }
}

/// Closes the sending side, then discards what the peer sends until it closes too. Closing a socket with unread bytes would
/// reset the connection, and the peer would lose the last messages.
async fn close_gracefully(
    reader: &mut MemberReader,
    writer: &mut MemberWriter,
) -> Result<(), ConnectionError> {
    writer.close().await?;
    while reader.receive().await?.is_some() {}
    Ok(())
}

fn departure_after(error: &ConnectionError) -> Departure {
    match error {
        ConnectionError::Lost(error) => Departure::ConnectionLost(error.to_string()),
        ConnectionError::Record(_) | ConnectionError::Decode(_) | ConnectionError::Encode(_) => {
            Departure::Malformed(error.to_string())
        }
    }
}
