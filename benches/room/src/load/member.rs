//! One member: a connection of its own, with keys of its own, in a task of its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, bail};
use backroom_protocol::{
    Cast, ClientMessage, Content, Envelopes, Identity, MemberId, Name, Password, Post, PublicKey,
    ServerMessage, Text,
};
use backroom_transport::connection::{ClientConnection, Login, connect};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::latency::Latencies;

/// As the real client's.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Posts that wait to be sent.
const MAX_WAITING: usize = 64;

/// What all members share.
#[derive(Debug)]
pub(super) struct Crowd {
    pub(super) latencies: Latencies,
    /// All have the same password: it is stretched once.
    login: Login,
    /// Instead of a list in each member: a thousand lists of a thousand would measure this process.
    roster: RwLock<HashMap<MemberId, PublicKey>>,
    lost: AtomicU32,
}

impl Crowd {
    pub(super) fn new(password: &str) -> anyhow::Result<Self> {
        Ok(Self {
            latencies: Latencies::new()?,
            login: Login::new(Password::new(password.to_owned())?),
            roster: RwLock::default(),
            lost: AtomicU32::new(0),
        })
    }

    /// How many members are no longer in the room.
    pub(super) fn lost(&self) -> u32 {
        self.lost.load(Ordering::Relaxed)
    }

    fn key(&self, id: MemberId) -> Option<PublicKey> {
        let roster = self.roster.read().unwrap_or_else(PoisonError::into_inner);
        roster.get(&id).copied()
    }

    fn all_but(&self, own_id: MemberId) -> Vec<(MemberId, PublicKey)> {
        let roster = self.roster.read().unwrap_or_else(PoisonError::into_inner);
        let others = roster.iter().filter(|(id, _)| **id != own_id);
        others.map(|(id, key)| (*id, *key)).collect()
    }
}

/// A member in the room, as the talk sees it.
#[derive(Debug)]
pub(super) struct Member {
    id: MemberId,
    envelopes: Arc<Mutex<Envelopes>>,
    posts: mpsc::Sender<Post>,
}

impl Member {
    /// Joins, and listens from then on.
    pub(super) async fn join(
        server: SocketAddr,
        crowd: Arc<Crowd>,
        number: u32,
    ) -> anyhow::Result<Self> {
        let mut connection = connect(server, &crowd.login).await?;
        let identity = Identity::generate()?;
        let public_key = identity.public_key();
        let name = Name::new(&format!("member {number}"))?;
        let join = ClientMessage::Join { name, public_key };
        connection.send(&join).await?;
        let id = match connection.receive().await? {
            Some(ServerMessage::Joined { you, .. }) => you,
            Some(ServerMessage::Refused(refusal)) => return Err(refusal.into()),
            _ => bail!("the server does not let member {number} in and does not say why"),
        };
        crowd
            .roster
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, public_key);
        let envelopes = Arc::new(Mutex::new(Envelopes::new(identity, id)));
        let (posts, waiting) = mpsc::channel(MAX_WAITING);
        tokio::spawn(stay(connection, crowd, Arc::clone(&envelopes), waiting));
        Ok(Self {
            id,
            envelopes,
            posts,
        })
    }

    /// Seals `text` for everyone else and has it sent.
    pub(super) async fn post(&self, crowd: &Crowd, text: String) -> anyhow::Result<()> {
        let content = Content::Text {
            cast: Cast::Broadcast,
            text: Text::new(text)?,
        };
        let recipients = crowd.all_but(self.id);
        let envelopes = Arc::clone(&self.envelopes);
        let sealed = spawn_blocking(move || {
            let mut envelopes = envelopes.lock().unwrap_or_else(PoisonError::into_inner);
            envelopes.seal(&content, &recipients)
        });
        let sent = self.posts.send(sealed.await??).await;
        sent.ok().context("a talker is no longer in the room")
    }
}

/// A member's time in the room.
async fn stay(
    connection: ClientConnection,
    crowd: Arc<Crowd>,
    envelopes: Arc<Mutex<Envelopes>>,
    mut posts: mpsc::Receiver<Post>,
) {
    let (mut reader, mut writer) = connection.split();
    let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let said = tokio::select! {
            received = reader.receive() => match received {
                Ok(Some(message)) => {
                    open(&crowd, &envelopes, message);
                    Ok(())
                }
                Ok(None) | Err(_) => break,
            },
            Some(post) = posts.recv() => writer.send(&ClientMessage::Post(post)).await,
            _ = pings.tick() => writer.send(&ClientMessage::Ping).await,
        };
        if said.is_err() {
            break;
        }
    }
    crowd.lost.fetch_add(1, Ordering::Relaxed);
}

/// Opens what came, as a client does. What does not open does not count as received.
fn open(crowd: &Crowd, envelopes: &Mutex<Envelopes>, message: ServerMessage) {
    let ServerMessage::Delivery {
        from,
        content,
        sealed,
    } = message
    else {
        return;
    };
    let Some(key) = crowd.key(from) else { return };
    let opened = envelopes
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .open(from, key, &content, &sealed);
    if let Ok(Content::Text { text, .. }) = opened {
        crowd.latencies.received(text.as_str());
    }
}
