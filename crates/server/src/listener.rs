//! A listening port: accepts connections and starts a session for each.

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

/// The pause after a failed accept, for example because the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The number of clients that can be sent a refusal at the same time. Further connections are closed without one.
const MAX_CONCURRENT_REFUSALS: usize = 64;

/// Accepts connections until the sessions are stopped.
pub(crate) async fn listen(listener: TcpListener, sessions: Arc<Sessions>, tasks: TaskTracker) {
    let refusals = Arc::new(Semaphore::new(MAX_CONCURRENT_REFUSALS));
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    receive(stream, canonical(peer), &sessions, &tasks, &refusals).await;
                }
                Err(error) => {
                    warn!("cannot accept a connection: {error}");
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

/// Starts a session once it is admitted. Meanwhile, other connections wait in the backlog.
async fn receive(
    stream: TcpStream,
    peer: SocketAddr,
    sessions: &Arc<Sessions>,
    tasks: &TaskTracker,
    refusals: &Arc<Semaphore>,
) {
    let admission = Arc::clone(&sessions.admission);
    match admission.admit(Instant::now(), peer.ip()).await {
        Ok(permit) => {
            let sessions = Arc::clone(sessions);
            tasks.spawn(async move { sessions.run(stream, peer, permit).await });
        }
        Err(reason) => {
            debug!(%peer, "refused: {reason}");
            if let Ok(permit) = Arc::clone(refusals).try_acquire_owned() {
                tasks.spawn(async move {
                    Acceptor::refuse_busy(stream).await;
                    drop(permit);
                });
            }
        }
    }
}
