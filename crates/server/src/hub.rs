//! The room as the connections share it: a lock around the state machine, and its outputs carried
//! out in order.
//!
//! Nothing under the lock waits. Members' queues take or refuse at once, and who refuses is put
//! out on the spot, so one slow member costs the others nothing.

use std::collections::HashMap;
use std::future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use backroom_protocol::room::{ClientMessage, MemberId, Refusal, ServerMessage};
use backroom_protocol::{Part, Reason};
use backroom_transport::connection::Encoded;
use tokio::sync::{Notify, mpsc};
use tokio::time;
use tracing::{error, warn};

use crate::outbox::{Outbox, Outgoing};
use crate::room::{Arrival, Departure, Notice, Output, Room, RoomConfig};

/// News that may wait for the operator: more than a full room can make by ending.
const MAX_NOTICES: usize = 4_096;

/// The shared room.
#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<State>,
    timeout_changed: Notify,
}

#[derive(Debug)]
struct State {
    room: Room,
    outboxes: HashMap<MemberId, Arc<Outbox>>,
    notices: mpsc::Sender<Notice>,
}

impl Hub {
    /// An empty room, and where its news for the operator come out.
    pub(crate) fn new(config: RoomConfig) -> (Self, mpsc::Receiver<Notice>) {
        let (notices, receiver) = mpsc::channel(MAX_NOTICES);
        let hub = Self {
            state: Mutex::new(State {
                room: Room::new(config),
                outboxes: HashMap::new(),
                notices,
            }),
            timeout_changed: Notify::new(),
        };
        (hub, receiver)
    }

    /// Lets somebody in, whose messages then go into `outbox`.
    ///
    /// # Errors
    ///
    /// See [`Room::join`].
    pub(crate) fn join(&self, arrival: Arrival, outbox: &Arc<Outbox>) -> Result<MemberId, Refusal> {
        let mut state = self.lock();
        let id = state.room.join(now(), arrival)?;
        state.outboxes.insert(id, Arc::clone(outbox));
        state.carry_out_all();
        Ok(id)
    }

    pub(crate) fn leave(&self, id: MemberId, departure: Departure) {
        self.with(|room, _| room.leave(id, departure));
    }

    pub(crate) fn handle_message(&self, from: MemberId, message: ClientMessage) {
        self.with(|room, now| room.handle_message(now, from, message));
    }

    pub(crate) fn close(&self, reason: Reason) {
        self.with(|room, _| room.close(reason));
    }

    /// Does something with the room, and all that follows from it.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Room, Instant) -> T) -> T {
        let mut state = self.lock();
        let timeout = state.room.poll_timeout();
        let result = act(&mut state.room, now());
        state.carry_out_all();
        if state.room.poll_timeout() != timeout {
            self.timeout_changed.notify_one();
        }
        result
    }

    /// Ends votes when their time comes. Runs for as long as the room.
    pub(crate) async fn keep_time(&self) {
        loop {
            let timeout = self.lock().room.poll_timeout();
            let reached = async {
                match timeout {
                    Some(timeout) => time::sleep_until(timeout.into()).await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                () = reached => self.with(Room::handle_timeout),
                () = self.timeout_changed.notified() => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What panicked under the lock left at worst one member untold; the others go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn carry_out_all(&mut self) {
        while let Some(output) = self.room.poll_output() {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send { to, message } => self.send(&to, &message),
            Output::Deliver {
                from,
                content,
                parts,
            } => {
                for Part { to, sealed } in parts {
                    let content = Arc::clone(&content);
                    let delivery = Outgoing::Delivery {
                        from,
                        content,
                        sealed,
                    };
                    self.push(to, delivery);
                }
            }
            Output::Disconnect { member, at_once } => {
                if let Some(outbox) = self.outboxes.remove(&member) {
                    if at_once {
                        outbox.abort();
                    } else {
                        outbox.finish();
                    }
                }
            }
            Output::Notice(notice) => {
                if let Err(lost) = self.notices.try_send(notice) {
                    warn!("the operator can't be told: {lost}");
                }
            }
        }
    }

    fn send(&mut self, to: &[MemberId], message: &ServerMessage) {
        match Encoded::new(message) {
            Ok(message) => {
                for to in to {
                    self.push(*to, Outgoing::Message(message.clone()));
                }
            }
            // A full room's roster fits into a record, and it is the longest message.
            Err(error) => error!("a message could not be sent: {error}"),
        }
    }

    fn push(&mut self, to: MemberId, outgoing: Outgoing) {
        if let Some(outbox) = self.outboxes.get(&to)
            && outbox.push(outgoing).is_err()
        {
            self.room.leave(to, Departure::QueueFull);
        }
    }
}

/// The runtime's clock, which tests can move.
fn now() -> Instant {
    time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use backroom_protocol::{Identity, Name, Post};
    use tokio::sync::mpsc::Receiver;

    use super::*;
    use crate::room::{KickDecision, VOTE_LIFETIME};

    fn hub() -> (Arc<Hub>, Receiver<Notice>) {
        let (hub, notices) = Hub::new(RoomConfig {
            max_members: 10,
            kick_votes: 2,
            kick_ban: Duration::ZERO,
            kick_decision: KickDecision::Votes,
        });
        (Arc::new(hub), notices)
    }

    fn join(hub: &Hub, name: &str, queue_bytes: usize) -> (MemberId, Arc<Outbox>) {
        let outbox = Arc::new(Outbox::new(queue_bytes));
        let arrival = Arrival {
            name: Name::new(name).unwrap(),
            public_key: Identity::generate().unwrap().public_key(),
            peer: "192.0.2.1:1".parse().unwrap(),
            local: "192.0.2.254".parse().unwrap(),
        };
        (hub.join(arrival, &outbox).unwrap(), outbox)
    }

    async fn next(outbox: &Outbox) -> ServerMessage {
        let outgoing = outbox.next().await.unwrap();
        ServerMessage::decode(outgoing.encode().unwrap().as_bytes()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_vote_ends_by_itself_when_its_time_has_come() {
        let (hub, _notices) = hub();
        let timer = tokio::spawn({
            let hub = Arc::clone(&hub);
            async move { hub.keep_time().await }
        });
        let (ann, outbox) = join(&hub, "Ann", 10_000);
        let (target, _) = join(&hub, "Eve", 10_000);
        let start = time::Instant::now();
        hub.handle_message(ann, ClientMessage::Kick { target });
        let tally = |votes| ServerMessage::Vote {
            target,
            votes,
            needed: 2,
        };
        while next(&outbox).await != tally(1) {}
        assert_eq!(next(&outbox).await, tally(0));
        // The runtime's timers tick in milliseconds.
        let late = start.elapsed() - VOTE_LIFETIME;
        assert!(late <= Duration::from_millis(1), "{late:?}");
        timer.abort();
    }

    #[tokio::test]
    async fn a_member_whose_queue_is_full_is_put_out_and_the_post_reaches_the_others() {
        let (hub, mut notices) = hub();
        let (ann, _outbox) = join(&hub, "Ann", 10_000);
        let (deaf, full) = join(&hub, "Deaf", 1_000);
        let (bob, outbox) = join(&hub, "Bob", 10_000);
        next(&outbox).await;
        let parts = [deaf, bob].map(|to| Part {
            to,
            sealed: Vec::new(),
        });
        hub.handle_message(
            ann,
            ClientMessage::Post(Post {
                content: vec![0; 1_000],
                parts: parts.into(),
            }),
        );
        assert!(full.next().await.is_none());
        let delivery = next(&outbox).await;
        assert!(matches!(delivery, ServerMessage::Delivery { from, .. } if from == ann));
        assert_eq!(next(&outbox).await, ServerMessage::MemberLeft { id: deaf });
        let last = std::iter::from_fn(|| notices.try_recv().ok()).last();
        let departure = Departure::QueueFull;
        let name = Name::new("Deaf").unwrap();
        assert_eq!(last, Some(Notice::Disconnected { name, departure }));
    }
}
