//! The shared room: a lock around the state machine, which applies its outputs in order.
//!
//! Nothing blocks while the lock is held. A member's queue accepts or refuses a message immediately, and a member whose
//! queue refuses one is disconnected. A slow member therefore does not delay the others.

use std::collections::HashMap;
use std::future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use backroom_protocol::room::{ClientMessage, MemberId, Part, Refusal, ServerMessage};
use backroom_transport::connection::Encoded;
use tokio::sync::{Notify, mpsc};
use tokio::time;
use tracing::{error, warn};

use crate::outbox::{Outbox, Outgoing};
use crate::room::{Departure, JoinError, Member, Notice, Output, Room, RoomConfig};

/// The notices that may wait for the operator. A full room that closes produces fewer.
const MAX_NOTICES: usize = 4_096;

#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<State>,
    timeout_changed: Notify,
    /// Notified after every change while somebody waits for the end of a probe.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    room: Room,
    outboxes: HashMap<MemberId, Arc<Outbox>>,
    notices: mpsc::Sender<Notice>,
}

impl Hub {
    /// Creates an empty room. Returns the receiver of its notices for the operator too.
    pub(crate) fn new(config: RoomConfig) -> (Self, mpsc::Receiver<Notice>) {
        let (notices, receiver) = mpsc::channel(MAX_NOTICES);
        let hub = Self {
            state: Mutex::new(State {
                room: Room::new(config),
                outboxes: HashMap::new(),
                notices,
            }),
            timeout_changed: Notify::new(),
            changed: Notify::new(),
        };
        (hub, receiver)
    }

    /// Admits a member, whose messages then go into `outbox`. If a member with the same name and the same identity is there,
    /// it is asked whether it still is. Without an answer it is replaced.
    pub(crate) async fn join(
        &self,
        member: Member,
        outbox: &Arc<Outbox>,
    ) -> Result<MemberId, Refusal> {
        let by = match self.try_join(member.clone(), outbox) {
            Ok(id) => return Ok(id),
            Err(JoinError::Refused(refusal)) => return Err(refusal),
            Err(JoinError::OwnName { by, .. }) => by,
        };
        self.probe(by).await;
        self.try_join(member, outbox).map_err(|error| match error {
            JoinError::Refused(refusal) | JoinError::OwnName { refusal, .. } => refusal,
        })
    }

    /// Returns when a member has answered or is gone.
    async fn probe(&self, id: MemberId) {
        self.with(|room, now| room.probe(now, id));
        loop {
            let mut changed = pin!(self.changed.notified());
            // From here on no notification is missed.
            changed.as_mut().enable();
            if !self.lock().room.is_probed(id) {
                return;
            }
            changed.await;
        }
    }

    fn try_join(&self, member: Member, outbox: &Arc<Outbox>) -> Result<MemberId, JoinError> {
        let mut state = self.lock();
        let id = state.room.join(now(), member)?;
        state.outboxes.insert(id, Arc::clone(outbox));
        state.apply_all();
        drop(state);
        self.changed.notify_waiters();
        Ok(id)
    }

    pub(crate) fn leave(&self, id: MemberId, departure: Departure) {
        self.with(|room, _| room.leave(id, departure));
    }

    pub(crate) fn handle_message(&self, from: MemberId, message: ClientMessage) {
        self.with(|room, now| room.handle_message(now, from, message));
    }

    /// Calls `act` on the room and applies the outputs.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Room, Instant) -> T) -> T {
        let mut state = self.lock();
        let timeout = state.room.poll_timeout();
        let result = act(&mut state.room, now());
        state.apply_all();
        if state.room.poll_timeout() != timeout {
            self.timeout_changed.notify_one();
        }
        drop(state);
        self.changed.notify_waiters();
        result
    }

    /// Calls [`Room::handle_timeout`] when it is due, forever.
    pub(crate) async fn run_timers(&self) {
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
        // After a panic under the lock, at worst some outputs have not been applied. The room continues without them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply_all(&mut self) {
        while let Some(output) = self.room.poll_output() {
            self.apply(output);
        }
    }

    fn apply(&mut self, output: Output) {
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
            Output::Disconnect {
                member,
                immediately,
            } => match self.outboxes.remove(&member) {
                Some(outbox) if immediately => outbox.abort(),
                Some(outbox) => outbox.finish(),
                None => {}
            },
            Output::Notice(notice) => {
                if let Err(error) = self.notices.try_send(notice) {
                    warn!("a notice for the operator was dropped: {error}");
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
            // The longest message is the roster of a full room, which fits into a record.
            Err(error) => error!("a message cannot be sent: {error}"),
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

/// The clock of the runtime, which tests can pause.
fn now() -> Instant {
    time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use backroom_protocol::handshake::{Agreement, ServerIdentity, VERSION};
    use backroom_protocol::{Features, Identity, Join, KeyPair, Message as _, Name, Post};
    use tokio::sync::mpsc::Receiver;

    use super::*;
    use crate::room::{KickDecision, PROBE_TIME, VOTE_LIFETIME};

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
        let member = Member {
            name: Name::new(name).unwrap(),
            public_key: KeyPair::generate().unwrap().public_key(),
            features: Features::NONE,
            credential: None,
            peer: "192.0.2.1:1".parse().unwrap(),
            local: "192.0.2.254".parse().unwrap(),
        };
        (hub.try_join(member, &outbox).unwrap(), outbox)
    }

    /// A member with a full name and the same identity as every other of this name.
    fn owner(name: &str) -> Member {
        let name = Name::new(name).unwrap();
        let public_key = KeyPair::generate().unwrap().public_key();
        let identity = Identity::from_seed(&[1; 32]);
        let agreement = Agreement {
            version: VERSION,
            features: Features::NONE,
            server: ServerIdentity::ephemeral().unwrap().server_key(),
            binding: [2; 32].into(),
        };
        let join = Join::new(name, public_key, Some(&identity), &agreement);
        Member {
            name: join.name,
            public_key,
            features: join.features,
            credential: join.credential,
            peer: "192.0.2.1:1".parse().unwrap(),
            local: "192.0.2.254".parse().unwrap(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_member_is_replaced_by_its_owner_and_an_answering_one_is_not() {
        let (hub, mut notices) = hub();
        let timer = tokio::spawn({
            let hub = Arc::clone(&hub);
            async move { hub.run_timers().await }
        });
        let new_outbox = || Arc::new(Outbox::new(10_000));
        let (lost, next_one) = (new_outbox(), new_outbox());
        hub.join(owner("Ann"), &lost).await.unwrap();
        let start = time::Instant::now();
        let id = hub.join(owner("Ann"), &next_one).await.unwrap();
        let took = start.elapsed();
        let late = took.checked_sub(PROBE_TIME).unwrap();
        assert!(late <= Duration::from_millis(1), "{late:?}");
        let left = std::iter::from_fn(|| notices.try_recv().ok()).nth(1);
        let (name, departure) = (Name::new("Ann").unwrap(), Departure::Replaced);
        assert_eq!(left, Some(Notice::Disconnected { name, departure }));

        let answering = tokio::spawn({
            let hub = Arc::clone(&hub);
            async move {
                while next(&next_one).await != ServerMessage::Ping {}
                hub.handle_message(id, ClientMessage::Pong);
            }
        });
        let refused = hub.join(owner("ANN"), &new_outbox()).await;
        let suggestion = Some(Name::new("ANN2").unwrap());
        assert_eq!(refused, Err(Refusal::NameTaken { suggestion }));
        answering.await.unwrap();
        timer.abort();
    }

    async fn next(outbox: &Outbox) -> ServerMessage {
        let outgoing = outbox.next().await.unwrap();
        ServerMessage::decode(outgoing.encode().unwrap().as_bytes()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_vote_expires_by_the_timer() {
        let (hub, _notices) = hub();
        let timer = tokio::spawn({
            let hub = Arc::clone(&hub);
            async move { hub.run_timers().await }
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
    async fn a_member_with_a_full_queue_is_disconnected_and_the_others_get_the_post() {
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
