//! A listening port: takes connections and starts a session for each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backroom_transport::connection::Acceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::session::{Sessions, canonical};

/// How long to wait when the system gives no connection, out of file descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many are told at the same time that they are turned away. More are hung up on.
const MAX_TURNED_AWAY: usize = 64;

/// Takes connections until the sessions are stopped.
pub(crate) async fn listen(listener: TcpListener, sessions: Arc<Sessions>, tasks: TaskTracker) {
    let turning_away = Arc::new(Semaphore::new(MAX_TURNED_AWAY));
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    receive(stream, canonical(peer), &sessions, &tasks, &turning_away).await;
                }
                Err(error) => {
                    warn!("no connection can be taken: {error}");
                    time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = sessions.stop.cancelled() => {}
    }
}

/// Starts a session when there is a place for it; meanwhile others wait in the backlog.
async fn receive(
    stream: TcpStream,
    peer: SocketAddr,
    sessions: &Arc<Sessions>,
    tasks: &TaskTracker,
    turning_away: &Arc<Semaphore>,
) {
    let admission = Arc::clone(&sessions.admission);
    match admission.admit(Instant::now(), peer.ip()).await {
        Ok(place) => {
            let sessions = Arc::clone(sessions);
            tasks.spawn(async move { sessions.run(stream, peer, place).await });
        }
        Err(reason) => {
            debug!(%peer, "turned away: {reason}");
            if let Ok(permit) = Arc::clone(turning_away).try_acquire_owned() {
                tasks.spawn(async move {
                    Acceptor::refuse_busy(stream).await;
                    drop(permit);
                });
            }
        }
    }
}
