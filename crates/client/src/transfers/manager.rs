//! All transfers of this client: starts and ends them, and hands them the messages of other members.

use std::collections::HashMap;
use std::path::PathBuf;

use backroom_protocol::{Cast, FileMessage, MemberId, MemberInfo, Offer, Reason, TransferId};
use backroom_transport::file::{Progress, StreamCount};
use tokio::sync::mpsc;

use super::board::Board;
use super::channel::{ChannelKey, PeerChannel, TransferEvent};
use super::incoming::Incoming;
use super::limits::Limits;
use super::outgoing::Outgoing;
use super::recipient::Recipient;
use super::stop::Stop;
use crate::event::Event;
use crate::settings::Settings;

/// How many transfer events may wait for the session.
const MAX_EVENTS: usize = 64;

/// No running transfer has this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no transfer {0}; `transfers` lists the running ones")]
pub struct NoSuchTransfer(pub u64);

/// All transfers of this client.
#[derive(Debug)]
pub struct Transfers {
    limits: Limits,
    board: Board,
    last_id: u64,
    running: HashMap<u64, Running>,
    inboxes: HashMap<ChannelKey, mpsc::Sender<FileMessage>>,
    /// Shared by all files, because they share a link.
    streams: StreamCount,
    closed: bool,
    event_sender: mpsc::Sender<TransferEvent>,
    events: mpsc::Receiver<TransferEvent>,
}

#[derive(Debug)]
struct Running {
    stop: Stop,
    is_incoming: bool,
}

impl Transfers {
    /// No transfers yet. `board` shows them once there are some.
    #[must_use]
    pub fn new(limits: Limits, board: Board) -> Self {
        let (event_sender, events) = mpsc::channel(MAX_EVENTS);
        Self {
            limits,
            board,
            last_id: 0,
            running: HashMap::new(),
            inboxes: HashMap::new(),
            streams: StreamCount::default(),
            closed: false,
            event_sender,
            events,
        }
    }

    /// Opens a file and sends it, in the background.
    ///
    /// # Errors
    /// If the system provides no random numbers.
    pub fn send(
        &mut self,
        path: PathBuf,
        cast: Cast,
        receivers: Vec<MemberInfo>,
        settings: Settings,
    ) -> anyhow::Result<()> {
        let transfer = TransferId::generate()?;
        let (id, stop) = self.begin(false);
        let recipients = receivers
            .into_iter()
            .map(|member| Recipient {
                channel: self.open_channel((member.id, transfer)),
                member,
                progress: Progress::default(),
            })
            .collect();
        let outgoing = Outgoing {
            id,
            transfer,
            cast,
            path,
            settings,
            limits: self.limits.clone(),
            recipients,
            board: self.board.clone(),
            stop,
            streams: self.streams.clone(),
            events: self.event_sender.clone(),
        };
        tokio::spawn(outgoing.run());
        Ok(())
    }

    /// Handles a member's message about a file. If it is an offer that is declined at once, returns the reply and the event to
    /// show.
    pub(crate) fn handle_message(
        &mut self,
        from: &MemberInfo,
        message: FileMessage,
    ) -> Option<(FileMessage, Event)> {
        let key = (from.id, message.transfer());
        match (message, self.inboxes.get(&key)) {
            (FileMessage::Offer(offer), None) => return self.handle_offer(from, offer),
            (message, Some(inbox)) => {
                if inbox.try_send(message).is_err() {
                    tracing::warn!(from = %from.name, "too many messages about one file; dropped one");
                }
            }
            // The transfer has ended here while the message was under way.
            (message, None) => {
                tracing::debug!(from = %from.name, ?message, "a message about a transfer that has ended");
            }
        }
        None
    }

    fn handle_offer(&mut self, from: &MemberInfo, offer: Offer) -> Option<(FileMessage, Event)> {
        let incoming = self.running.values().filter(|running| running.is_incoming);
        if self.closed {
            return Some(self.decline(from, &offer, "leaving the room"));
        }
        if incoming.count() >= self.limits.max_incoming {
            let most = self.limits.max_incoming;
            let reason = format!("already receiving {most} files; try again later");
            return Some(self.decline(from, &offer, &reason));
        }
        let (id, stop) = self.begin(true);
        let incoming = Incoming {
            id,
            from: from.clone(),
            channel: self.open_channel((from.id, offer.transfer)),
            offer,
            limits: self.limits.clone(),
            board: self.board.clone(),
            stop,
            events: self.event_sender.clone(),
        };
        tokio::spawn(incoming.run());
        None
    }

    /// Declines without a task, so that a flood of offers uses no memory.
    fn decline(&mut self, from: &MemberInfo, offer: &Offer, reason: &str) -> (FileMessage, Event) {
        self.last_id += 1;
        let event = Event::Failed {
            id: self.last_id,
            from: from.name.to_string(),
            file: offer.name.to_string(),
            error: format!("declined: {reason}"),
        };
        let transfer = offer.transfer;
        let reason = Reason::new(reason);
        (FileMessage::Decline { transfer, reason }, event)
    }

    /// Ends all transfers with a member that has left.
    pub fn member_left(&mut self, member: MemberId) {
        self.inboxes.retain(|(other, _), _| *other != member);
    }

    /// Ends one transfer.
    ///
    /// # Errors
    /// If no running transfer has this number.
    pub fn cancel(&mut self, id: u64) -> Result<(), NoSuchTransfer> {
        let running = self.running.get(&id).ok_or(NoSuchTransfer(id))?;
        running.stop.stop("cancelled");
        Ok(())
    }

    /// Declines all further offers.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Ends all transfers, and declines all further offers.
    pub fn stop_all(&mut self, reason: &str) {
        self.close();
        for running in self.running.values() {
            running.stop.stop(reason);
        }
    }

    /// Whether no transfer is running.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// The number of running transfers.
    #[must_use]
    pub fn count(&self) -> usize {
        self.running.len()
    }

    /// The running transfers as an event.
    #[must_use]
    pub fn list(&self) -> Event {
        Event::Transfers {
            transfers: self.board.transfers(),
        }
    }

    /// The next event of any transfer. Cancel-safe.
    pub(crate) async fn next_event(&mut self) -> TransferEvent {
        let Some(event) = self.events.recv().await else {
            // Can't happen: `event_sender` keeps the channel open.
            return std::future::pending().await;
        };
        match &event {
            TransferEvent::ChannelClosed(key) => drop(self.inboxes.remove(key)),
            TransferEvent::Ended(id, _) => {
                self.running.remove(id);
                self.board.remove(*id);
            }
            TransferEvent::Send(..) | TransferEvent::Show(_) => {}
        }
        event
    }

    fn begin(&mut self, is_incoming: bool) -> (u64, Stop) {
        self.last_id += 1;
        let stop = Stop::default();
        self.running.insert(
            self.last_id,
            Running {
                stop: stop.clone(),
                is_incoming,
            },
        );
        (self.last_id, stop)
    }

    fn open_channel(&mut self, key: ChannelKey) -> PeerChannel {
        let (channel, inbox) = PeerChannel::new(key, self.event_sender.clone());
        self.inboxes.insert(key, inbox);
        channel
    }
}
