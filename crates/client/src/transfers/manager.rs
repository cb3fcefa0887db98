//! All transfers of this client: starts and ends them, and hands them the messages of other members.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use backroom_protocol::{Cast, FileMessage, MemberId, MemberInfo, Offer, Reason, TransferId};
use backroom_transport::file::{Progress, StreamCount};
use backroom_vocabulary::event::{Direction, Event, Peer, Transfer};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::active::ActiveTransfers;
use super::cancellation::Cancellation;
use super::channel::{ChannelKey, EventSender, PeerChannel, TransferEvent};
use super::incoming::{Incoming, LEAVING};
use super::outgoing;
use super::outgoing_file::OutgoingFile;
use super::queue::{Queue, QueuedFile};
use super::recipient::Recipient;
use super::shared::{Config, Shared};
use crate::event;
use crate::settings::Settings;

/// How many transfer events may wait for the session.
const MAX_EVENTS: usize = 64;

/// How many offers may wait until fewer files are being received. Further ones are declined.
const MAX_WAITING_OFFERS: usize = 1_024;

/// How many of those may come from one member. A client has no more than 32 offers to one receiver under way.
const MAX_WAITING_OFFERS_OF_SENDER: usize = 64;

#[derive(Debug)]
pub(crate) struct Transfers {
    shared: Arc<Shared>,
    last_id: u64,
    running: HashMap<u64, Running>,
    inboxes: HashMap<ChannelKey, mpsc::Sender<FileMessage>>,
    queue: Queue,
    /// Events of this manager itself.
    own_events: VecDeque<TransferEvent>,
    events: mpsc::Receiver<TransferEvent>,
}

#[derive(Debug)]
struct Running {
    cancellation: Cancellation,
    /// Who offered the file, if it is incoming.
    sender: Option<MemberId>,
}

/// Opens the file and sends it. Returns the event that tells how that ended.
async fn open_and_send(file: QueuedFile, shared: Arc<Shared>) -> Event {
    let opened = tokio::select! {
        opened = outgoing::open(file.path) => opened,
        reason = file.cancellation.cancelled() => Err(anyhow::Error::msg(reason)),
    };
    let (source, name) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            for recipient in file.recipients {
                recipient.channel.close().await;
            }
            return event::error(format!("not sent: {error}"));
        }
    };
    let outgoing_file = OutgoingFile {
        id: file.id,
        transfer: file.transfer,
        cast: file.cast,
        source,
        name,
        settings: file.settings,
        cancellation: file.cancellation,
        shared,
    };
    outgoing::send(Arc::new(outgoing_file), file.recipients).await
}

/// Whether a file was not sent, or not to all of its receivers.
fn is_failure(event: &Event) -> bool {
    match event {
        Event::Sent(account) => account.receivers.iter().any(|receiver| !receiver.ok),
        event => matches!(event, Event::Error { .. }),
    }
}

impl Transfers {
    pub(crate) fn new(config: Config, active: ActiveTransfers) -> Self {
        let (event_sender, events) = mpsc::channel(MAX_EVENTS);
        let queue = Queue::new(config.max_outgoing);
        let shared = Shared {
            active,
            streams: StreamCount::default(),
            events: EventSender(event_sender),
            turns: Arc::new(Semaphore::new(config.max_outgoing)),
            places: Arc::new(Semaphore::new(
                config.max_incoming.min(Semaphore::MAX_PERMITS),
            )),
            closing: CancellationToken::new(),
            config,
        };
        Self {
            shared: Arc::new(shared),
            last_id: 0,
            running: HashMap::new(),
            inboxes: HashMap::new(),
            queue,
            own_events: VecDeque::new(),
            events,
        }
    }

    /// Opens a file and sends it, in the background. If too many files are under way, it waits until some have ended.
    pub(crate) fn send(
        &mut self,
        path: PathBuf,
        cast: Cast,
        receivers: Vec<MemberInfo>,
        settings: Settings,
    ) -> anyhow::Result<()> {
        let transfer = TransferId::generate()?;
        let (id, cancellation) = self.begin(None);
        let recipients: Vec<Recipient> = receivers
            .into_iter()
            .map(|member| Recipient {
                channel: self.open_channel((member.id, transfer)),
                member,
                progress: Progress::default(),
            })
            .collect();
        let file = QueuedFile {
            id,
            transfer,
            path,
            cast,
            settings,
            recipients,
            cancellation,
        };
        let queued = Event::Queued {
            id,
            file: file.shown_path(),
            receivers: file.recipients.iter().map(Recipient::name).collect(),
        };
        self.queue.push(file);
        self.start_queued();
        if self.queue.waiting().any(|file| file.id == id) {
            self.own_events.push_back(TransferEvent::Show(queued));
        }
        Ok(())
    }

    /// Starts the files whose turn it is, each in a task of its own.
    fn start_queued(&mut self) {
        while let Some(file) = self.queue.start_next() {
            let shared = Arc::clone(&self.shared);
            tokio::spawn(async move {
                let id = file.id;
                let event = open_and_send(file, Arc::clone(&shared)).await;
                let failed = is_failure(&event);
                let ended = TransferEvent::Ended { id, event, failed };
                shared.events.send(ended).await;
            });
        }
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
        if self.shared.closing.is_cancelled() {
            return Some(self.decline(from, &offer, LEAVING));
        }
        let most = self.shared.config.max_incoming;
        let senders = self.running.values().filter_map(|running| running.sender);
        let of_all = senders.clone().count();
        let of_sender = senders.filter(|sender| *sender == from.id).count();
        if most == 0
            || of_all >= most.saturating_add(MAX_WAITING_OFFERS)
            || of_sender >= most.saturating_add(MAX_WAITING_OFFERS_OF_SENDER)
        {
            let reason = match most {
                0 => "it receives no files".to_owned(),
                _ => format!("already receiving {most} files; try again later"),
            };
            return Some(self.decline(from, &offer, &reason));
        }
        let (id, cancellation) = self.begin(Some(from.id));
        let incoming = Incoming {
            id,
            from: from.clone(),
            channel: self.open_channel((from.id, offer.transfer)),
            offer,
            cancellation,
            shared: Arc::clone(&self.shared),
            is_accepted: false,
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
    pub(crate) fn member_left(&mut self, member: MemberId) {
        self.inboxes.retain(|(other, _), _| *other != member);
    }

    pub(crate) fn cancel(&mut self, id: u64) -> anyhow::Result<()> {
        if let Some(file) = self.queue.remove(id) {
            self.give_up(file, "cancelled");
            return Ok(());
        }
        let running = self.running.get(&id).with_context(|| {
            format!("there is no transfer {id}; `transfers` lists the running ones")
        })?;
        running.cancellation.cancel("cancelled");
        Ok(())
    }

    /// Declines all further offers, and those that were not accepted yet.
    pub(crate) fn close(&mut self) {
        self.shared.closing.cancel();
    }

    /// Cancels all transfers, and declines all further offers.
    pub(crate) fn cancel_all(&mut self, reason: &str) {
        self.close();
        for running in self.running.values() {
            running.cancellation.cancel(reason);
        }
        for file in self.queue.remove_all() {
            self.give_up(file, reason);
        }
    }

    /// Ends a file that was never offered.
    fn give_up(&mut self, file: QueuedFile, reason: &str) {
        let path = file.shown_path();
        let event = event::error(format!("not sent: {path}: {reason}"));
        for recipient in &file.recipients {
            self.inboxes.remove(&(recipient.member.id, file.transfer));
        }
        self.own_events.push_back(TransferEvent::Ended {
            id: file.id,
            event,
            failed: false,
        });
    }

    pub(crate) fn count(&self) -> usize {
        self.running.len()
    }

    /// Whether so many files wait to be sent that no more should be added.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.is_full()
    }

    /// The active transfers, and then the files that wait to be sent.
    pub(crate) fn list(&self) -> Vec<Transfer> {
        let peer = |recipient: &Recipient| Peer {
            name: recipient.name(),
            bytes_done: 0,
        };
        let waiting = self.queue.waiting().map(|file| Transfer {
            id: file.id,
            direction: Direction::Out,
            file: file.shown_path(),
            bytes: 0,
            peers: file.recipients.iter().map(peer).collect(),
            queued: true,
        });
        self.shared
            .active
            .list()
            .into_iter()
            .chain(waiting)
            .collect()
    }

    /// The next event of any transfer. Cancel-safe.
    pub(crate) async fn next_event(&mut self) -> TransferEvent {
        let mut event = match self.own_events.pop_front() {
            Some(event) => event,
            None => match self.events.recv().await {
                Some(event) => event,
                // Can't happen: `shared` keeps the channel open.
                None => return std::future::pending().await,
            },
        };
        match &mut event {
            TransferEvent::ChannelClosed(key) => drop(self.inboxes.remove(key)),
            TransferEvent::Ended { id, failed, .. } => {
                let running = self.running.remove(id);
                // What was cancelled here has not failed.
                *failed &= running.is_some_and(|running| running.cancellation.reason().is_none());
                self.shared.active.remove(*id);
                self.queue.ended(*id);
                self.start_queued();
            }
            TransferEvent::Send(..) | TransferEvent::Show(_) => {}
        }
        event
    }

    fn begin(&mut self, sender: Option<MemberId>) -> (u64, Cancellation) {
        self.last_id += 1;
        let cancellation = Cancellation::default();
        let running = Running {
            cancellation: cancellation.clone(),
            sender,
        };
        self.running.insert(self.last_id, running);
        (self.last_id, cancellation)
    }

    fn open_channel(&mut self, key: ChannelKey) -> PeerChannel {
        let (channel, inbox) = PeerChannel::new(key, self.shared.events.clone());
        self.inboxes.insert(key, inbox);
        channel
    }
}
