//! All transfers of this client: starts and ends them, and hands them the messages of other members.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use backroom_protocol::{Cast, FileMessage, MemberId, MemberInfo, Offer, Reason, TransferId};
use backroom_transport::file::{Progress, StreamCount};
use backroom_vocabulary::event::{Event, Transfer};
use tokio::sync::mpsc;

use super::active::ActiveTransfers;
use super::cancellation::Cancellation;
use super::channel::{ChannelKey, EventSender, PeerChannel, TransferEvent};
use super::incoming::Incoming;
use super::outgoing;
use super::outgoing_file::OutgoingFile;
use super::recipient::Recipient;
use super::shared::{Config, Shared};
use crate::event;
use crate::settings::Settings;

/// How many transfer events may wait for the session.
const MAX_EVENTS: usize = 64;

#[derive(Debug)]
pub(crate) struct Transfers {
    shared: Arc<Shared>,
    last_id: u64,
    running: HashMap<u64, Running>,
    inboxes: HashMap<ChannelKey, mpsc::Sender<FileMessage>>,
    closed: bool,
    events: mpsc::Receiver<TransferEvent>,
}

#[derive(Debug)]
struct Running {
    cancellation: Cancellation,
    is_incoming: bool,
}

impl Transfers {
    pub(crate) fn new(config: Config, active: ActiveTransfers) -> Self {
        let (event_sender, events) = mpsc::channel(MAX_EVENTS);
        let shared = Shared {
            config,
            active,
            streams: StreamCount::default(),
            events: EventSender(event_sender),
        };
        Self {
            shared: Arc::new(shared),
            last_id: 0,
            running: HashMap::new(),
            inboxes: HashMap::new(),
            closed: false,
            events,
        }
    }

    /// Opens a file and sends it, in the background.
    pub(crate) fn send(
        &mut self,
        path: PathBuf,
        cast: Cast,
        receivers: Vec<MemberInfo>,
        settings: Settings,
    ) -> anyhow::Result<()> {
        let transfer = TransferId::generate()?;
        let (id, cancellation) = self.begin(false);
        let recipients: Vec<Recipient> = receivers
            .into_iter()
            .map(|member| Recipient {
                channel: self.open_channel((member.id, transfer)),
                member,
                progress: Progress::default(),
            })
            .collect();
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let opened = tokio::select! {
                opened = outgoing::open(path) => opened,
                reason = cancellation.cancelled() => Err(anyhow::Error::msg(reason)),
            };
            let event = match opened {
                Ok((source, name)) => {
                    let file = OutgoingFile {
                        id,
                        transfer,
                        cast,
                        source,
                        name,
                        settings,
                        cancellation,
                        shared: Arc::clone(&shared),
                    };
                    outgoing::send(Arc::new(file), recipients).await
                }
                Err(error) => {
                    for recipient in recipients {
                        recipient.channel.close().await;
                    }
                    event::error(format!("not sent: {error}"))
                }
            };
            shared.events.send(TransferEvent::Ended(id, event)).await;
        });
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
        let most = self.shared.config.max_incoming;
        if self.closed {
            return Some(self.decline(from, &offer, "leaving the room"));
        }
        if incoming.count() >= most {
            let reason = format!("already receiving {most} files; try again later");
            return Some(self.decline(from, &offer, &reason));
        }
        let (id, cancellation) = self.begin(true);
        let incoming = Incoming {
            id,
            from: from.clone(),
            channel: self.open_channel((from.id, offer.transfer)),
            offer,
            cancellation,
            shared: Arc::clone(&self.shared),
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

    pub(crate) fn cancel(&self, id: u64) -> anyhow::Result<()> {
        let running = self.running.get(&id).with_context(|| {
            format!("there is no transfer {id}; `transfers` lists the running ones")
        })?;
        running.cancellation.cancel("cancelled");
        Ok(())
    }

    /// Declines all further offers.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Cancels all transfers, and declines all further offers.
    pub(crate) fn cancel_all(&mut self, reason: &str) {
        self.close();
        for running in self.running.values() {
            running.cancellation.cancel(reason);
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.running.len()
    }

    pub(crate) fn list(&self) -> Vec<Transfer> {
        self.shared.active.list()
    }

    /// The next event of any transfer. Cancel-safe.
    pub(crate) async fn next_event(&mut self) -> TransferEvent {
        let Some(event) = self.events.recv().await else {
            // Can't happen: `shared` keeps the channel open.
            return std::future::pending().await;
        };
        match &event {
            TransferEvent::ChannelClosed(key) => drop(self.inboxes.remove(key)),
            TransferEvent::Ended(id, _) => {
                self.running.remove(id);
                self.shared.active.remove(*id);
            }
            TransferEvent::Send(..) | TransferEvent::Show(_) => {}
        }
        event
    }

    fn begin(&mut self, is_incoming: bool) -> (u64, Cancellation) {
        self.last_id += 1;
        let cancellation = Cancellation::default();
        let running = Running {
            cancellation: cancellation.clone(),
            is_incoming,
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
