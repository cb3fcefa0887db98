//! One member: a connection with its own keys, served by its own task.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, bail};
use backroom_protocol::{
    Cast, ClientMessage, Content, Envelopes, Join, KeyPair, MemberId, Name, Password, Post,
    PublicKey, ServerMessage, Text,
};
use backroom_transport::connection::{ClientConnection, Login, connect};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::latency::Latencies;

/// The same as in the real client.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// The number of posts that may wait to be sent.
const MAX_WAITING: usize = 64;

/// The state that all members share.
#[derive(Debug)]
pub(super) struct SharedState {
    pub(super) latencies: Latencies,
    /// All members have the same password, which is stretched once.
    login: Login,
    /// One roster for all members. A thousand rosters of a thousand entries would slow this process down.
    roster: RwLock<HashMap<MemberId, PublicKey>>,
    lost: AtomicU32,
}

impl SharedState {
    pub(super) fn new(password: &str) -> anyhow::Result<Self> {
        Ok(Self {
            latencies: Latencies::new()?,
            login: Login::new(Password::new(password.to_owned())?),
            roster: RwLock::default(),
            lost: AtomicU32::new(0),
        })
    }

    /// The number of members that have lost their connection.
    pub(super) fn lost(&self) -> u32 {
        self.lost.load(Ordering::Relaxed)
    }

    fn key(&self, id: MemberId) -> Option<PublicKey> {
        let roster = self.roster.read().unwrap_or_else(PoisonError::into_inner);
        roster.get(&id).copied()
    }

    fn others(&self, own_id: MemberId) -> Vec<(MemberId, PublicKey)> {
        let roster = self.roster.read().unwrap_or_else(PoisonError::into_inner);
        let others = roster.iter().filter(|(id, _)| **id != own_id);
        others.map(|(id, key)| (*id, *key)).collect()
    }
}

/// The handle of a member.
#[derive(Debug)]
pub(super) struct Member {
    id: MemberId,
    envelopes: Arc<Mutex<Envelopes>>,
    posts: mpsc::Sender<Post>,
}

impl Member {
    /// Joins the room and starts the task of the member.
    pub(super) async fn join(
        server: SocketAddr,
        shared: Arc<SharedState>,
        number: u32,
    ) -> anyhow::Result<Self> {
        let mut connection = connect(server, &shared.login).await?;
        let key_pair = KeyPair::generate()?;
        let public_key = key_pair.public_key();
        let name = Name::new(&format!("member {number}"))?;
        let join = Join::new(name, public_key, None, &connection.agreement);
        connection.writer.send(&ClientMessage::Join(join)).await?;
        let id = match connection.reader.receive().await? {
            Some(ServerMessage::Joined { you, .. }) => you,
            Some(ServerMessage::Refused(refusal)) => return Err(refusal.into()),
            _ => bail!("the server did not reply to the join of member {number}"),
        };
        shared
            .roster
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, public_key);
        let envelopes = Arc::new(Mutex::new(Envelopes::new(key_pair, id)));
        let (posts, waiting) = mpsc::channel(MAX_WAITING);
        tokio::spawn(serve(connection, shared, Arc::clone(&envelopes), waiting));
        Ok(Self {
            id,
            envelopes,
            posts,
        })
    }

    /// Seals `text` for all other members and queues it for sending.
    pub(super) async fn post(&self, shared: &SharedState, text: String) -> anyhow::Result<()> {
        let content = Content::Text {
            cast: Cast::Broadcast,
            text: Text::new(text)?,
        };
        let recipients = shared.others(self.id);
        let envelopes = Arc::clone(&self.envelopes);
        let sealed = spawn_blocking(move || {
            let mut envelopes = envelopes.lock().unwrap_or_else(PoisonError::into_inner);
            envelopes.seal(&content, &recipients)
        });
        let sent = self.posts.send(sealed.await??).await;
        sent.ok().context("a sender has lost its connection")
    }
}

/// Reads and writes until the connection is lost.
async fn serve(
    connection: ClientConnection,
    shared: Arc<SharedState>,
    envelopes: Arc<Mutex<Envelopes>>,
    mut posts: mpsc::Receiver<Post>,
) {
    let (mut reader, mut writer) = (connection.reader, connection.writer);
    let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let sent = tokio::select! {
            received = reader.receive() => match received {
                Ok(Some(message)) => {
                    open(&shared, &envelopes, message);
                    Ok(())
                }
                Ok(None) | Err(_) => break,
            },
            Some(post) = posts.recv() => writer.send(&ClientMessage::Post(post)).await,
            _ = pings.tick() => writer.send(&ClientMessage::Ping).await,
        };
        if sent.is_err() {
            break;
        }
    }
    shared.lost.fetch_add(1, Ordering::Relaxed);
}

/// Opens a delivery as a client does. Only a delivery that opens counts as received.
fn open(shared: &SharedState, envelopes: &Mutex<Envelopes>, message: ServerMessage) {
    let ServerMessage::Delivery {
        from,
        content,
        sealed,
    } = message
    else {
        return;
    };
    let Some(key) = shared.key(from) else { return };
    let opened = envelopes
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .open(from, key, &content, &sealed);
    if let Ok(Content::Text { text, .. }) = opened {
        shared.latencies.received(text.as_str());
    }
}
