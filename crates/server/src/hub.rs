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
        let id = state.room.join(Instant::now(), arrival)?;
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
        let result = act(&mut state.room, Instant::now());
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
