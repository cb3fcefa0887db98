//! The server: ports, room, console and signals, put together.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use backroom_protocol::{Reason, StretchedPassword};
use backroom_transport::connection::Acceptor;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::admission::{Admission, AdmissionConfig};
use crate::announcer::Announcer;
use crate::console::Command;
use crate::hub::Hub;
use crate::listener;
use crate::open_files;
use crate::room::{Notice, RoomConfig};
use crate::session::{FAREWELL_TIME, SessionConfig, Sessions};

/// What the server is to do.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen.
    pub addresses: Vec<SocketAddr>,
    /// The room's rules.
    pub room: RoomConfig,
    /// Bounds on joins.
    pub admission: AdmissionConfig,
    /// Bounds on connections.
    pub session: SessionConfig,
}

/// The server can't listen.
#[derive(Debug, Error)]
#[error("can't listen on {address} (is it an address of this machine, and the port free?)")]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub error: io::Error,
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    sessions: Arc<Sessions>,
    notices: mpsc::Receiver<Notice>,
}

impl Server {
    /// Listens on every address.
    ///
    /// # Errors
    ///
    /// Names the first address on which it can't.
    pub async fn bind(
        config: ServerConfig,
        password: StretchedPassword,
    ) -> Result<Self, BindError> {
        open_files::allow(config.room.max_members + config.admission.max_joining);
        let mut listeners = Vec::new();
        for address in config.addresses {
            let listener = TcpListener::bind(address).await;
            listeners.push(listener.map_err(|error| BindError { address, error })?);
        }
        let (hub, notices) = Hub::new(config.room);
        let acceptor = Acceptor::new(password).with_handshake_time(config.session.join_time);
        let sessions = Sessions {
            hub,
            admission: Arc::new(Admission::new(config.admission)),
            acceptor,
            config: config.session,
            stop: CancellationToken::new(),
        };
        Ok(Self {
            listeners,
            sessions: Arc::new(sessions),
            notices,
        })
    }

    /// Runs the room until the operator or `stop` ends it. Members are told, and get a moment to
    /// read it.
    ///
    /// # Errors
    ///
    /// The system gives no thread to print from.
    pub async fn run(
        mut self,
        mut console: mpsc::Receiver<String>,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let announcer = Announcer::start(io::stdout())?;
        let tasks = TaskTracker::new();
        for listener in self.listeners.drain(..) {
            if let Ok(address) = listener.local_addr() {
                info!(%address, "listening");
            }
            let sessions = Arc::clone(&self.sessions);
            tasks.spawn(listener::listen(listener, sessions, tasks.clone()));
        }
        announcer.print("Server is online...");
        tokio::select! {
            () = self.sessions.hub.keep_time() => {}
            () = attend(&self.sessions.hub, &mut self.notices, &mut console, &announcer) => {}
            () = stop => info!("told to stop"),
        }
        self.close(&tasks).await;
        while let Ok(notice) = self.notices.try_recv() {
            announce(&notice, &announcer);
        }
        announcer.finish();
        Ok(())
    }

    async fn close(&self, tasks: &TaskTracker) {
        self.sessions.stop.cancel();
        self.sessions.hub.close(Reason::new("the server stops"));
        tasks.close();
        if time::timeout(2 * FAREWELL_TIME, tasks.wait())
            .await
            .is_err()
        {
            warn!(
                connections = tasks.len(),
                "did not end in time and are cut off"
            );
        }
    }
}

/// Passes on the room's news and obeys the operator, until told to exit.
async fn attend(
    hub: &Hub,
    notices: &mut mpsc::Receiver<Notice>,
    console: &mut mpsc::Receiver<String>,
    announcer: &Announcer,
) {
    loop {
        tokio::select! {
            // News first: an answer to the operator must not run ahead of it.
            biased;
            Some(notice) = notices.recv() => announce(&notice, announcer),
            Some(line) = console.recv() => {
                if line.trim().is_empty() {
                    continue;
                }
                match line.parse::<Command>() {
                    Ok(command) => {
                        announcer.print(hub.with(|room, now| command.execute(room, now)));
                        if command == Command::Exit {
                            return;
                        }
                    }
                    Err(error) => announcer.print(error.to_string()),
                }
            }
            else => std::future::pending().await,
        }
    }
}

fn announce(notice: &Notice, announcer: &Announcer) {
    match notice {
        Notice::Connected { name, peer } => {
            announcer.print(format!("Client Connected: {name}"));
            info!(%name, %peer, "joined");
        }
        Notice::Disconnected { name, departure } => {
            announcer.print(format!("Client Disconnected: {name}"));
            info!(%name, "gone: {departure}");
        }
        Notice::VotesSuffice { name, votes } => {
            warn!(%name, votes, "the members want somebody out: `kick {name}` does it");
        }
    }
}
