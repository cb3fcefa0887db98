//! The server: connects ports, room, console and signals.

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
use crate::console::Command;
use crate::hub::Hub;
use crate::listener;
use crate::open_files;
use crate::printer::Printer;
use crate::room::{Notice, RoomConfig};
use crate::session::{CLOSE_TIMEOUT, SessionConfig, Sessions};

/// The settings of a server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The addresses to listen on. All lead to the same room.
    pub addresses: Vec<SocketAddr>,
    /// The settings of the room.
    pub room: RoomConfig,
    /// Limits on joins.
    pub admission: AdmissionConfig,
    /// Limits on connections.
    pub session: SessionConfig,
}

/// The server cannot listen on an address.
#[derive(Debug, Error)]
#[error(
    "cannot listen on {address}: check that it is an address of this machine and that the port is free"
)]
pub struct BindError {
    /// The first address that failed.
    pub address: SocketAddr,
    /// The error of the system.
    #[source]
    pub error: io::Error,
}

/// A server that is listening.
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
    /// Returns the first address that fails.
    pub async fn bind(
        config: ServerConfig,
        password: StretchedPassword,
    ) -> Result<Self, BindError> {
        open_files::raise_limit(config.room.max_members + config.admission.max_joining);
        let mut listeners = Vec::new();
        for address in config.addresses {
            // All addresses are bound before any connection is accepted, so an error leaves no half-started server.
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

    /// Runs the room until the operator or `stop` ends it. Then notifies the members and closes their connections.
    ///
    /// # Errors
    ///
    /// The thread that prints cannot be started.
    pub async fn run(
        mut self,
        mut console: mpsc::Receiver<String>,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let printer = Printer::start(io::stdout())?;
        let tasks = TaskTracker::new();
        for listener in self.listeners.drain(..) {
            if let Ok(address) = listener.local_addr() {
                info!(%address, "listening");
            }
            let sessions = Arc::clone(&self.sessions);
            tasks.spawn(listener::listen(listener, sessions, tasks.clone()));
        }
        printer.print("Server is online...");
        tokio::select! {
            () = self.sessions.hub.run_timers() => {}
            () = serve_operator(&self.sessions.hub, &mut self.notices, &mut console, &printer) => {}
            () = stop => info!("stopping"),
        }
        self.close(&tasks).await;
        while let Ok(notice) = self.notices.try_recv() {
            announce(&notice, &printer);
        }
        printer.finish();
        Ok(())
    }

    async fn close(&self, tasks: &TaskTracker) {
        self.sessions.stop.cancel();
        self.sessions
            .hub
            .close(Reason::new("the server is shutting down"));
        tasks.close();
        if time::timeout(2 * CLOSE_TIMEOUT, tasks.wait())
            .await
            .is_err()
        {
            warn!(
                connections = tasks.len(),
                "some connections did not close in time and are dropped"
            );
        }
    }
}

/// Prints notices and executes the operator's commands until `exit`.
async fn serve_operator(
    hub: &Hub,
    notices: &mut mpsc::Receiver<Notice>,
    console: &mut mpsc::Receiver<String>,
    printer: &Printer,
) {
    loop {
        tokio::select! {
            // Notices first, so that the reply to a command follows the events before it.
            biased;
            Some(notice) = notices.recv() => announce(&notice, printer),
            Some(line) = console.recv() => {
                if line.trim().is_empty() {
                    continue;
                }
                match line.parse::<Command>() {
                    Ok(command) => {
                        printer.print(hub.with(|room, now| command.execute(room, now)));
                        if command == Command::Exit {
                            return;
                        }
                    }
                    Err(error) => printer.print(error.to_string()),
                }
            }
            else => std::future::pending().await,
        }
    }
}

fn announce(notice: &Notice, printer: &Printer) {
    match notice {
        Notice::Connected { name, peer } => {
            printer.print(format!("Client Connected: {name}"));
            info!(%name, %peer, "joined");
        }
        Notice::Disconnected { name, departure } => {
            printer.print(format!("Client Disconnected: {name}"));
            info!(%name, "left: {departure}");
        }
        Notice::EnoughVotes { name, votes } => {
            warn!(%name, votes, "enough votes to remove a member; enter `kick {name}` to do so");
        }
    }
}
