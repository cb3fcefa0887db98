//! One connection, from the first byte to the last.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backroom_protocol::room::{ClientMessage, MemberId, Refusal, ServerMessage};
use backroom_protocol::{Name, PublicKey, Reason};
use backroom_transport::connection::{
    AcceptError, Acceptor, ConnectionError, Reader, ServerConnection, Writer,
};
use tokio::net::TcpStream;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::admission::{Admission, Place};
use crate::hub::Hub;
use crate::outbox::{Outbox, Phase};
use crate::pace::{Pace, PaceConfig};
use crate::room::{Arrival, Departure};

/// How long a connection that ends may take to hear the last words.
pub(crate) const FAREWELL_TIME: Duration = Duration::from_secs(2);

/// What is sealed before it is handed to the system: enough to make few calls for many messages.
const BATCH_BYTES: usize = 64 * 1_024;

/// What a connection may take and give.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// How long a join may take.
    pub join_time: Duration,
    /// After how much silence a member is taken for lost.
    pub silence: Duration,
    /// What may wait to be written to one member, in bytes.
    pub queue_bytes: usize,
    /// How fast a member may send.
    pub pace: PaceConfig,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) hub: Hub,
    pub(crate) admission: Arc<Admission>,
    pub(crate) acceptor: Acceptor,
    pub(crate) config: SessionConfig,
    /// Set when the server stops: nobody joins any more.
    pub(crate) stop: CancellationToken,
}

type MemberReader = Reader<ClientMessage>;
type MemberWriter = Writer<ServerMessage>;

impl Sessions {
    /// Runs a connection to its end.
    pub(crate) async fn run(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        let joining = time::timeout(self.config.join_time, self.accept(stream, peer));
        let joined = tokio::select! {
            joined = joining => joined,
            () = self.stop.cancelled() => return,
        };
        let Ok(joined) = joined else {
            info!(%peer, "the join took too long");
            return;
        };
        let Some((mut reader, mut writer, arrival)) = joined else {
            return;
        };
        let name = arrival.name.clone();
        let outbox = Arc::new(Outbox::new(self.config.queue_bytes));
        match self.hub.join(arrival, &outbox) {
            Ok(id) => {
                drop(place);
                self.stay(id, &mut reader, &mut writer, &outbox).await;
            }
            Err(refusal) => {
                info!(%peer, %name, "refused: {refusal}");
                refuse(&mut reader, &mut writer, refusal).await;
            }
        }
    }

    /// The handshake and the member's first message. What goes wrong is logged here.
    async fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Option<(MemberReader, MemberWriter, Arrival)> {
        let connection = match self.acceptor.accept(stream).await {
            Ok(connection) => connection,
            Err(error) => {
                self.log_failed_join(peer.ip(), &error);
                return None;
            }
        };
        let local = canonical(connection.local_addr()).ip();
        let (mut reader, mut writer) = ServerConnection::split(connection);
        match first_message(&mut reader).await {
            Ok((name, public_key)) => {
                let arrival = Arrival {
                    name,
                    public_key,
                    peer,
                    local,
                };
                Some((reader, writer, arrival))
            }
            Err(reason) => {
                info!(%peer, "did not join: {reason}");
                refuse(&mut reader, &mut writer, Refusal::Other(reason)).await;
                None
            }
        }
    }

    fn log_failed_join(&self, address: IpAddr, error: &AcceptError) {
        if !error.is_wrong_password() {
            debug!(%address, "no join: {error}");
            return;
        }
        let wait = self.admission.failed(Instant::now(), address);
        if wait.is_zero() {
            info!(%address, "wrong password");
        } else {
            warn!(%address, wait_s = wait.as_secs(), "wrong password, too many of them: turned away for a while");
        }
    }

    /// A member's time in the room.
    async fn stay(
        &self,
        id: MemberId,
        reader: &mut MemberReader,
        writer: &mut MemberWriter,
        outbox: &Outbox,
    ) {
        tokio::select! {
            departure = self.listen(id, reader) => self.hub.leave(id, departure),
            written = write(writer, outbox) => if let Err(error) = written {
                self.hub.leave(id, departure_by(&error));
            },
            _ = outbox.ended() => {}
        }
        if outbox.ended().await == Phase::Finished {
            let last_words = async {
                write(writer, outbox).await?;
                hang_up(reader, writer).await
            };
            if !matches!(time::timeout(FAREWELL_TIME, last_words).await, Ok(Ok(()))) {
                debug!(%id, "did not wait for the end");
            }
        }
    }

    /// Takes what a member says until it stops. One that says too much is read more slowly: that
    /// holds it back and loses nothing, as leaving out a post would break all that follow it.
    async fn listen(&self, id: MemberId, reader: &mut MemberReader) -> Departure {
        let mut pace = Pace::new(self.config.pace, Instant::now());
        loop {
            let message = match time::timeout(self.config.silence, reader.receive()).await {
                Ok(Ok(Some(message))) => message,
                Ok(Ok(None)) => return Departure::Left,
                Ok(Err(error)) => return departure_by(&error),
                Err(_) => return Departure::Silent,
            };
            let wait = pace.charge(Instant::now(), &message);
            self.hub.handle_message(id, message);
            if !wait.is_zero() {
                debug!(%id, wait_ms = wait.as_millis(), "sends too fast and is held back");
                time::sleep(wait).await;
            }
        }
    }
}

/// An address as people know it: an IPv4 client of an IPv6 socket is an IPv4 client.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Who joins; or what to tell somebody who does not.
async fn first_message(reader: &mut MemberReader) -> Result<(Name, PublicKey), Reason> {
    match reader.receive().await {
        Ok(Some(ClientMessage::Join { name, public_key })) => Ok((name, public_key)),
        Ok(Some(_)) => Err(Reason::new("the first message has to say who joins")),
        Ok(None) => Err(Reason::new("nothing was said")),
        Err(error) => Err(Reason::new(error.to_string())),
    }
}

/// Writes what is queued, in batches, until the queue has ended. Cancel-safe.
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
    let last_words = async {
        writer.send(&ServerMessage::Refused(refusal)).await?;
        hang_up(reader, writer).await
    };
    if !matches!(time::timeout(FAREWELL_TIME, last_words).await, Ok(Ok(()))) {
        debug!("somebody refused did not wait for the reason");
    }
}

/// Closes, and waits until the other side has closed too. What it still says is thrown away:
/// closing over unread bytes resets the connection, and the last words would be lost.
async fn hang_up(
    reader: &mut MemberReader,
    writer: &mut MemberWriter,
) -> Result<(), ConnectionError> {
    writer.close().await?;
    while reader.receive().await?.is_some() {}
    Ok(())
}

fn departure_by(error: &ConnectionError) -> Departure {
    match error {
        ConnectionError::Lost(error) => Departure::ConnectionLost(error.to_string()),
        ConnectionError::Record(_) | ConnectionError::Decode(_) | ConnectionError::Encode(_) => {
            Departure::Malformed(error.to_string())
        }
    }
}
