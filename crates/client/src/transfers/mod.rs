//! Files under way, out and in. Each has a number here, tasks of its own, and speaks with the session through notes.
//!
//! Outgoing, a transfer has a stream for each receiver (`outgoing`, `stream`), and one for those who hear a group
//! (`group`); incoming, it is one (`incoming`). The session carries what streams say to the other side, and hands over what that answers.

mod board;
mod group;
mod incoming;
mod link;
mod outgoing;
mod stop;
mod stream;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use backroom_protocol::{Cast, FileMessage, MemberId, MemberInfo, Offer, Reason, TransferId};
use backroom_transport::file::{Progress, ReceiveLimits, Streams};
use backroom_transport::udp::{UdpEndpoint, UdpOptions};
use tokio::sync::mpsc;

use crate::event::Event;
use crate::settings::Settings;
use crate::tracer::Tracer;

pub use board::Board;
use incoming::Incoming;
pub(crate) use link::Note;
use link::{Link, StreamKey};
use outgoing::{Outgoing, Receiver};
use stop::Stop;

/// Notes that may wait for the session.
const NOTES: usize = 64;

/// What is accepted, and how segments travel.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Where received files go.
    pub download_dir: PathBuf,
    /// Files received at once.
    pub max_incoming: usize,
    /// Size of a file, and what must stay free on the disk.
    pub receive: ReceiveLimits,
    /// Whether the kernel gets many datagrams at once.
    pub gso: bool,
    /// The interface by which groups are joined and sent to; without one there is no IP multicast.
    pub interface: Option<Ipv4Addr>,
    /// Writes every step down, where that was asked for.
    pub trace: Option<Tracer>,
}

/// There is no transfer with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no transfer {0}; `transfers` lists those under way")]
pub struct NoSuchTransfer(pub u64);

/// All transfers of this client.
#[derive(Debug)]
pub struct Transfers {
    limits: Limits,
    board: Board,
    last_id: u64,
    running: HashMap<u64, Running>,
    inboxes: HashMap<StreamKey, mpsc::Sender<FileMessage>>,
    /// Of all files together, as they leave by one link.
    streams: Streams,
    closed: bool,
    notes: mpsc::Sender<Note>,
    noted: mpsc::Receiver<Note>,
}

#[derive(Debug)]
struct Running {
    stop: Stop,
    incoming: bool,
}

impl Transfers {
    /// None under way yet; `board` shows them once there are.
    #[must_use]
    pub fn new(limits: Limits, board: Board) -> Self {
        let (notes, noted) = mpsc::channel(NOTES);
        Self {
            limits,
            board,
            last_id: 0,
            running: HashMap::new(),
            inboxes: HashMap::new(),
            streams: Streams::default(),
            closed: false,
            notes,
            noted,
        }
    }

    /// Sends a file, as soon as it could be opened.
    ///
    /// # Errors
    /// No random number could be had.
    pub fn send(
        &mut self,
        path: PathBuf,
        cast: Cast,
        receivers: Vec<MemberInfo>,
        settings: Settings,
    ) -> anyhow::Result<()> {
        let transfer = TransferId::generate()?;
        let (id, stop) = self.begin(false);
        let receivers = receivers
            .into_iter()
            .map(|member| {
                let link = self.link((member.id, transfer));
                Receiver {
                    member,
                    link,
                    progress: Progress::default(),
                }
            })
            .collect();
        let outgoing = Outgoing {
            id,
            transfer,
            cast,
            path,
            settings,
            gso: self.limits.gso,
            interface: self.limits.interface,
            trace: self.limits.trace.clone(),
            receivers,
            board: self.board.clone(),
            stop,
            streams: self.streams.clone(),
            notes: self.notes.clone(),
        };
        tokio::spawn(outgoing.run());
        Ok(())
    }

    /// Takes a member's message about a file: a new offer, or something about one under way. Gives what to answer and
    /// to show where an offer is declined out of hand.
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
                    tracing::warn!(from = %from.name, "more messages about a file than the protocol has, left out");
                }
            }
            // The transfer ended here while the message was on its way.
            (message, None) => {
                tracing::debug!(from = %from.name, ?message, "about no transfer under way");
            }
        }
        None
    }

    fn handle_offer(&mut self, from: &MemberInfo, offer: Offer) -> Option<(FileMessage, Event)> {
        let incoming = self.running.values().filter(|running| running.incoming);
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
            link: self.link((from.id, offer.transfer)),
            offer,
            limits: self.limits.clone(),
            board: self.board.clone(),
            stop,
            notes: self.notes.clone(),
        };
        tokio::spawn(incoming.run());
        None
    }

    /// Without a task: however many offers come, none of them is kept.
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

    /// A member left: its streams end, at once.
    pub fn member_left(&mut self, member: MemberId) {
        self.inboxes.retain(|(other, _), _| *other != member);
    }

    /// Ends one transfer.
    ///
    /// # Errors
    /// It is not, or no longer, under way.
    pub fn cancel(&mut self, id: u64) -> Result<(), NoSuchTransfer> {
        let running = self.running.get(&id).ok_or(NoSuchTransfer(id))?;
        running.stop.stop("cancelled");
        Ok(())
    }

    /// Accepts nothing new any more.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Ends all transfers, and accepts nothing new.
    pub fn stop_all(&mut self, reason: &str) {
        self.close();
        for running in self.running.values() {
            running.stop.stop(reason);
        }
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// How many are under way.
    #[must_use]
    pub fn count(&self) -> usize {
        self.running.len()
    }

    /// The transfers as they stand.
    #[must_use]
    pub fn list(&self) -> Event {
        Event::Transfers {
            transfers: self.board.transfers(),
        }
    }

    /// What a transfer wants of the session next. Cancel safe.
    pub(crate) async fn note(&mut self) -> Note {
        let Some(note) = self.noted.recv().await else {
            // Does not happen: this end is one of the senders.
            return std::future::pending().await;
        };
        match &note {
            Note::StreamEnded(key) => drop(self.inboxes.remove(key)),
            Note::Ended(id, _) => {
                self.running.remove(id);
                self.board.remove(*id);
            }
            Note::Tell(..) | Note::Show(_) => {}
        }
        note
    }

    fn begin(&mut self, incoming: bool) -> (u64, Stop) {
        self.last_id += 1;
        let stop = Stop::default();
        self.running.insert(
            self.last_id,
            Running {
                stop: stop.clone(),
                incoming,
            },
        );
        (self.last_id, stop)
    }

    fn link(&mut self, key: StreamKey) -> Link {
        let (link, inbox) = Link::new(key, self.notes.clone());
        self.inboxes.insert(key, inbox);
        link
    }
}

/// A socket for one stream with `peer`.
fn endpoint(peer: &MemberInfo, gso: bool) -> std::io::Result<(UdpEndpoint, std::num::NonZeroU16)> {
    let any: IpAddr = match peer.address.ip().to_canonical() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let endpoint = UdpEndpoint::bind(
        SocketAddr::new(any, 0),
        UdpOptions {
            gso,
            ..UdpOptions::default()
        },
    )?;
    let port = endpoint.local_addr()?.port();
    let port = port
        .try_into()
        .map_err(|_| std::io::Error::other("the system gave no port"))?;
    Ok((endpoint, port))
}

/// Bits of a file per second of its transfer, in 10^6; 0 where it took no time at all.
fn goodput_mbps(bytes: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        bytes as f64 * 8.0 / seconds / 1e6
    } else {
        0.0
    }
}

fn failed(transfer: TransferId, reason: &str) -> FileMessage {
    FileMessage::Failed {
        transfer,
        reason: Reason::new(reason),
    }
}
