//! The server: connects ports, room, console and signals.

use std::io;
use std::sync::Arc;

use anyhow::Context as _;
use backroom_process::stream::Output;
use backroom_process::{LineQueue, open_files};
use backroom_protocol::handshake::ServerIdentity;
use backroom_protocol::{Reason, StretchedPassword};
use backroom_transport::connection::Acceptor;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::admission::Admission;
use crate::console::Command;
use crate::hub::Hub;
use crate::listener;
use crate::options::Options;
use crate::room::Notice;
use crate::session::{CLOSE_TIMEOUT, Sessions};

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
    /// Names the first address that fails.
    pub async fn bind(
        options: &Options,
        password: StretchedPassword,
        identity: ServerIdentity,
    ) -> anyhow::Result<Self> {
        let max_joining = options.max_joining.get() as usize;
        let needed = options.max_members as usize + max_joining;
        let allowed = open_files::raise_limit(needed);
        if allowed < needed {
            warn!(
                needed,
                allowed, "the limit of open files is too low for all connections; see `ulimit -Hn`"
            );
        }
        let mut listeners = Vec::new();
        for address in options.addresses() {
            // All addresses are bound before any connection is accepted, so an error leaves no half-started server.
            let bound = TcpListener::bind(address).await;
            let unbound = "check that it is an address of this machine and that the port is free";
            listeners
                .push(bound.with_context(|| format!("cannot listen on {address}: {unbound}"))?);
        }
        let (hub, notices) = Hub::new(options.room());
        let sessions = Sessions {
            hub,
            admission: Arc::new(Admission::new(max_joining, options.failed_joins.get())),
            acceptor: Acceptor::new(password, Arc::new(identity))
                .with_handshake_time(options.join_time),
            join_time: options.join_time,
            silence: options.silence,
            queue_bytes: options.queue_kib as usize * 1_024,
            rate_limit: options.rate_limit(),
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
        let printer = LineQueue::start("printer", Output(io::stdout()))?;
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
        let reason = Reason::new("the server is shutting down");
        self.sessions.hub.with(|room, _| room.close(reason));
        tasks.close();
        let closed = time::timeout(2 * CLOSE_TIMEOUT, tasks.wait()).await;
        if closed.is_err() {
            let connections = tasks.len();
            warn!(
                connections,
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
    printer: &LineQueue,
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

fn announce(notice: &Notice, printer: &LineQueue) {
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
