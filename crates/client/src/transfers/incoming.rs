//! An incoming file: accepts the offer, receives, and confirms.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::Arc;

use backroom_protocol::segment::StreamId;
use backroom_protocol::{Extensions, Features, FileMessage, Key, MemberInfo, Offer, Reason};
use backroom_transport::file::{
    Control, GroupMembership, PartFile, PartFileError, ReceiveError, ReceiveOptions,
    ReceiveOutcome, ReceiveRequest, SenderMessage, receive_file,
};
use backroom_transport::udp::{PortUse, UdpEndpoint};
use backroom_vocabulary::event::{Direction, Event};
use backroom_vocabulary::trace::{Begin, Side};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::active::Entry;
use super::cancellation::Cancellation;
use super::channel::{Failure, INBOX_MESSAGES, PeerChannel, TransferEvent};
use super::shared::{Shared, WAIT_MESSAGE_INTERVAL};
use super::socket;
use super::summary::goodput_mbps;

/// The reason for declining offers when this client is about to leave.
pub(super) const LEAVING: &str = "leaving the room";

/// An offer from another member.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) id: u64,
    pub(super) from: MemberInfo,
    pub(super) offer: Offer,
    pub(super) channel: PeerChannel,
    pub(super) cancellation: Cancellation,
    pub(super) shared: Arc<Shared>,
    /// Whether this side has accepted the offer.
    pub(super) is_accepted: bool,
}

impl Incoming {
    /// Receives the file, and reports the result to the session.
    pub(super) async fn run(mut self) {
        let id = self.id;
        let received = self.receive().await;
        let (from, file) = (self.from.name.to_string(), self.offer.name.to_string());
        let (message, event) = match received {
            Ok(ReceiveOutcome { path, elapsed, .. }) => {
                let transfer = self.offer.transfer;
                let (bytes, seconds) = (self.offer.bytes, elapsed.as_secs_f64());
                let event = Event::Received {
                    id,
                    from,
                    file,
                    path,
                    bytes,
                    seconds,
                    goodput_mbps: goodput_mbps(bytes, seconds),
                };
                (Some(FileMessage::Received { transfer }), event)
            }
            Err(Failure { reason, message }) => {
                let event = Event::Failed {
                    id,
                    from,
                    file,
                    error: reason,
                };
                (message, event)
            }
        };
        if let Some(message) = message {
            self.channel.send(message).await;
        }
        self.channel.close().await;
        // Others offer what they like. A file that was never accepted is no failure of this client.
        let failed = self.is_accepted && matches!(event, Event::Failed { .. });
        let ended = TransferEvent::Ended { id, event, failed };
        self.shared.events.send(ended).await;
    }

    async fn receive(&mut self) -> Result<ReceiveOutcome, Failure> {
        let places = Arc::clone(&self.shared.places);
        let _place = self.wait_for(places.acquire_owned()).await?;
        let (shared, stream, from) = (Arc::clone(&self.shared), self.stream(), self.from.clone());
        let bound = async move {
            let ports = &shared.config.ports;
            socket::bind(ports, stream, &from, PortUse::Receiving).await
        };
        let (endpoint, port) = self.wait_for(bound).await?;
        let part = self.create_part().await?;
        // Joined before the sender knows of it, so that no probe is missed.
        let group = self.join_group();
        let with_hash = self.offer.group.is_some();
        let ack_key = Key::generate().map_err(|error| self.unable(&error))?;
        let options = ReceiveOptions {
            max_stall: self.shared.config.max_stall,
            ..ReceiveOptions::default()
        };
        let control = self.control();
        self.announce(&part, &control).await;
        let accept = FileMessage::Accept {
            transfer: self.offer.transfer,
            port,
            ack_key: ack_key.clone(),
            free_segments: options.free_segments(self.offer.segment_bytes),
            features: Features::CURRENT.common(self.offer.features),
            extensions: Extensions::NONE,
        };
        self.channel.send(accept).await;
        self.is_accepted = true;
        let request = ReceiveRequest {
            part,
            stream: self.stream(),
            stream_key: self.offer.stream_key.clone(),
            segment_bytes: self.offer.segment_bytes,
            bytes: self.offer.bytes,
            receiver_number: self.offer.receiver,
            ack_key,
            sender: self.sender_address(),
            group,
            with_hash,
            options,
        };
        self.receive_segments(endpoint, request, &control).await
    }

    /// The stream to this member alone.
    fn stream(&self) -> StreamId {
        StreamId {
            transfer: self.offer.transfer,
            lane: self.offer.lane,
        }
    }

    /// Where the stream to this member alone comes from. If there is a group, the sender says so later.
    fn sender_address(&self) -> Option<SocketAddr> {
        match self.offer.group {
            None => Some(self.sender_at(self.offer.sender_port)),
            Some(_) => None,
        }
    }

    fn sender_at(&self, port: NonZeroU16) -> SocketAddr {
        SocketAddr::new(self.from.address.ip().to_canonical(), port.get())
    }

    /// Waits for a place among the files that are received at the same time, or for a port. Meanwhile, the sender is told to wait
    /// for the answer to its offer.
    async fn wait_for<T, E: std::fmt::Display>(
        &mut self,
        acquired: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        let mut acquired = pin!(acquired);
        let mut message_due = interval(WAIT_MESSAGE_INTERVAL);
        message_due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                acquired = &mut acquired => return acquired.map_err(|error| self.unable(&error)),
                reason = self.cancellation.cancelled() => return Err(self.channel.cancelled(reason)),
                () = self.shared.closing.cancelled() => {
                    return Err(self.declined(LEAVING.into(), LEAVING));
                }
                message = self.channel.receive() => return Err(Failure {
                    reason: reason_of_abort(message),
                    message: None,
                }),
                _ = message_due.tick() => {
                    let transfer = self.offer.transfer;
                    self.channel.send(FileMessage::Wait { transfer }).await;
                }
            }
        }
    }

    async fn announce(&self, part: &PartFile, control: &Control) {
        let (file, from) = (self.offer.name.to_string(), self.from.name.to_string());
        let bytes = self.offer.bytes;
        let entry = Entry {
            direction: Direction::In,
            file: file.clone(),
            bytes,
            peers: vec![(from.clone(), control.progress.clone())],
        };
        self.shared.active.insert(self.id, entry);
        let event = Event::Receiving {
            id: self.id,
            from,
            file,
            bytes,
            path: part.intended_path(),
        };
        self.shared.events.send(TransferEvent::Show(event)).await;
    }

    fn control(&self) -> Control {
        let begin = Begin {
            transfer: self.offer.transfer.0,
            stream: self.offer.lane,
            receiver: self.offer.lane,
            window: None,
            side: Side::Receiver,
            // The first step sets it.
            unix_us: 0,
            bytes: self.offer.bytes,
            segment_bytes: self.offer.segment_bytes.value(),
        };
        self.shared.control(&self.cancellation, begin)
    }

    /// Receives the segments, and hands over the sender's messages meanwhile.
    async fn receive_segments(
        &mut self,
        endpoint: UdpEndpoint,
        request: ReceiveRequest,
        control: &Control,
    ) -> Result<ReceiveOutcome, Failure> {
        let (message_sender, messages) = mpsc::channel(INBOX_MESSAGES);
        let mut receiving = pin!(receive_file(endpoint, request, control, messages));
        let (mut sender_has_finished, mut abort_reason) = (false, None);
        let outcome = loop {
            tokio::select! {
                outcome = &mut receiving => break outcome,
                // Once the sender has finished, nothing more is needed of it: it may leave.
                message = self.channel.receive(), if !sender_has_finished && abort_reason.is_none() => match message {
                    Some(FileMessage::Finished { hash, .. }) => {
                        sender_has_finished = true;
                        // If this fails, receiving has failed, and gives the reason itself.
                        let _ = message_sender.send(SenderMessage::Finished(hash)).await;
                    }
                    // One of several is enough, and the last place is kept for `Finished`.
                    Some(FileMessage::Wait { .. }) if message_sender.capacity() > 1 => {
                        let _ = message_sender.try_send(SenderMessage::Wait);
                    }
                    Some(FileMessage::Wait { .. }) => {}
                    Some(FileMessage::Alone { port, .. }) => {
                        let address = SenderMessage::Address(self.sender_at(port));
                        let _ = message_sender.send(address).await;
                    }
                    message => {
                        abort_reason = Some(reason_of_abort(message));
                        control.cancel.cancel();
                    }
                },
            }
        };
        match (outcome, abort_reason) {
            (Ok(outcome), _) => Ok(outcome),
            (Err(_), Some(reason)) => Err(Failure {
                reason,
                message: None,
            }),
            (Err(error), None) => Err(match self.cancellation.reason() {
                Some(reason) => self.channel.cancelled(reason),
                None => self
                    .channel
                    .failed(error.to_string(), &reason_for_sender(&error)),
            }),
        }
    }

    /// Joins the group, if there is one. If that fails, the sender notices and serves this receiver alone.
    fn join_group(&self) -> Option<GroupMembership> {
        let (offer, config) = (self.offer.group.as_ref()?, &self.shared.config);
        let group = offer.group.socket_address();
        let endpoint = UdpEndpoint::join_group(group, config.interface?, config.udp)
            .inspect_err(|error| tracing::debug!(%group, %error, "can't join a group"))
            .ok()?;
        Some(GroupMembership {
            endpoint,
            stream_key: offer.stream_key.clone(),
            ack_every: offer.ack_every,
        })
    }

    async fn create_part(&self) -> Result<PartFile, Failure> {
        let (shared, offer) = (Arc::clone(&self.shared), self.offer.clone());
        let create = move || {
            PartFile::create(
                &shared.config.downloads,
                &offer.name,
                offer.bytes,
                offer.attributes,
            )
        };
        let created = tokio::task::spawn_blocking(create).await;
        match created.map_err(io::Error::from) {
            Ok(Ok(part)) => Ok(part),
            Ok(Err(error)) => Err(self.declined(own_reason(&error), &public_reason(&error))),
            Err(error) => Err(self.unable(&error)),
        }
    }

    fn unable(&self, error: &impl std::fmt::Display) -> Failure {
        self.declined(error.to_string(), "it can't receive now")
    }

    fn declined(&self, reason: String, public_reason: &str) -> Failure {
        let decline = FileMessage::Decline {
            transfer: self.offer.transfer,
            reason: Reason::new(public_reason),
        };
        Failure {
            reason: format!("declined: {reason}"),
            message: Some(decline),
        }
    }
}

/// The reason that an unexpected message of the sender means, or its departure.
fn reason_of_abort(message: Option<FileMessage>) -> String {
    match message {
        None => "the sender left the room".into(),
        Some(FileMessage::Cancel { .. }) => "cancelled by the sender".into(),
        Some(FileMessage::Failed { reason, .. }) => format!("the sender reports: {reason}"),
        Some(_) => "the sender violated the protocol".into(),
    }
}

/// The reason for this client's user.
fn own_reason(error: &PartFileError) -> String {
    match error {
        PartFileError::NoSpace { .. } => {
            format!(
                "{error}; delete some files, or set another space to keep free with --keep-free"
            )
        }
        error => error.to_string(),
    }
}

/// The reason for the other side, without the paths of this machine.
fn public_reason(error: &PartFileError) -> String {
    match error {
        PartFileError::TooLarge { .. } => error.to_string(),
        PartFileError::NoSpace { .. } => "its disk is too full".into(),
        PartFileError::Folder(..) | PartFileError::Write(..) => {
            "it can't write to its download folder".into()
        }
        PartFileError::Replaced(_) => {
            "another program on its machine removed, replaced or changed the file".into()
        }
        PartFileError::NoName(_) => "it has too many files of that name".into(),
    }
}

fn reason_for_sender(error: &ReceiveError) -> String {
    match error {
        ReceiveError::File(error) => public_reason(error),
        ReceiveError::Stalled => {
            "received segments, but not the next one; perhaps the network drops large packets"
                .into()
        }
        ReceiveError::SenderLost => "received nothing more over UDP; a firewall may drop it".into(),
        ReceiveError::WrongHash => {
            "the received file differs from the sent one; send it again".into()
        }
        ReceiveError::Io(_) | ReceiveError::Seal(_) => "receiving failed on its machine".into(),
        ReceiveError::Cancelled => "cancelled".into(),
    }
}
