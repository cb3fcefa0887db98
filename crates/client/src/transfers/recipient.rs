//! One receiver of an outgoing file: offers it, waits for the acceptance, sends, and waits for the confirmation.

use std::fmt::Display;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use backroom_protocol::segment::StreamId;
use backroom_protocol::{Extensions, Features, FileMessage, GroupOffer, Key, MemberInfo, Offer};
use backroom_transport::file::{
    GroupEnd, GroupReceiver, Progress, SendRequest, SendTotals, send_file,
};
use backroom_transport::udp::{PortUse, UdpEndpoint};
use backroom_vocabulary::DeliveryPath;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::channel::{Failure, PeerChannel};
use super::group::{GroupInvitation, GroupMessage};
use super::outgoing_file::OutgoingFile;
use super::shared::WAIT_MESSAGE_INTERVAL;
use super::socket;
use super::summary::RecipientReport;

/// How long a receiver may take to answer an offer: as long as a transfer may make no progress by default, so that an outage is
/// survived in either phase.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(30);

/// How long a receiver may take to confirm that the whole file is on its disk, in addition to the time that the slowest disk
/// needs.
const MAX_CONFIRM_TIME: Duration = Duration::from_secs(60);

/// How long a receiver that the group does not serve waits for a port. Other receivers may be waiting for this client meanwhile.
const MAX_PORT_TIME: Duration = Duration::from_secs(60);

/// The slowest disk, in bytes per second.
const MIN_DISK_RATE: u64 = 4 << 20;

/// A member that is to receive a file.
#[derive(Debug)]
pub(super) struct Recipient {
    pub(super) member: MemberInfo,
    pub(super) channel: PeerChannel,
    pub(super) progress: Progress,
}

impl Recipient {
    pub(super) fn name(&self) -> String {
        self.member.name.to_string()
    }
}

/// The transfer of one file to one receiver.
#[derive(Debug)]
pub(super) struct RecipientTransfer {
    pub(super) file: Arc<OutgoingFile>,
    pub(super) recipient: Recipient,
    /// The lane of its own stream.
    pub(super) lane: u16,
    /// If there is a group for it.
    pub(super) invitation: Option<GroupInvitation>,
}

/// What the receiver accepted with.
struct Accepted {
    address: SocketAddr,
    ack_key: Key,
    first_segment: u64,
    free_segments: u32,
}

impl RecipientTransfer {
    pub(super) async fn run(mut self) -> RecipientReport {
        let mut report = RecipientReport {
            result: Ok(()),
            ..RecipientReport::default()
        };
        if let Err(failure) = self.offer_and_send(&mut report).await {
            if let Some(message) = failure.message {
                self.recipient.channel.send(message).await;
            }
            report.result = Err(failure.reason);
        }
        self.recipient.channel.close().await;
        report
    }

    async fn offer_and_send(&mut self, report: &mut RecipientReport) -> Result<(), Failure> {
        let stream_key = Key::generate().map_err(|error| self.failed(error))?;
        let hash = match self.invitation.take() {
            None => self.send_by_unicast(stream_key, report).await?,
            Some(invitation) => self.send_by_group(&invitation, stream_key, report).await?,
        };
        let transfer = self.file.transfer;
        let finished = FileMessage::Finished { transfer, hash };
        self.recipient.channel.send(finished).await;
        self.wait_for_confirmation().await
    }

    async fn send_by_unicast(
        &mut self,
        stream_key: Key,
        report: &mut RecipientReport,
    ) -> Result<Option<[u8; 32]>, Failure> {
        let (endpoint, port) = tokio::select! {
            bound = self.bind() => bound.map_err(|error| self.failed(error))?,
            reason = self.file.cancellation.cancelled() => {
                return Err(Failure { reason, message: None });
            }
        };
        let accepted = self.offer(stream_key.clone(), port, None).await?;
        let request = self.send_request(stream_key, accepted, false);
        self.send_alone(endpoint, request, report).await
    }

    /// Takes part in the group. What the group does not deliver is sent by unicast, when it is this receiver's turn.
    async fn send_by_group(
        &mut self,
        invitation: &GroupInvitation,
        stream_key: Key,
        report: &mut RecipientReport,
    ) -> Result<Option<[u8; 32]>, Failure> {
        let group = Some(invitation.offer.clone());
        let offered = self.offer(stream_key.clone(), invitation.port, group).await;
        if offered.is_err() {
            // The group must not wait for it.
            let _ = invitation.messages.send(GroupMessage::Declined).await;
        }
        let mut accepted = offered?;
        if let Some(hash) = self.take_part(invitation, &mut accepted, report).await? {
            return Ok(Some(hash));
        }
        let turns = invitation.turns.clone();
        let _turn = self.wait_for(async move { Ok(turns.take().await) }).await?;
        let bound = timeout(MAX_PORT_TIME, self.bind());
        let bound = async { bound.await.context("no UDP port became free")? };
        let (endpoint, port) = self.wait_for(bound).await?;
        let transfer = self.file.transfer;
        let alone = FileMessage::Alone { transfer, port };
        self.recipient.channel.send(alone).await;
        let request = self.send_request(stream_key, accepted, true);
        self.send_alone(endpoint, request, report).await
    }

    /// The socket of the stream to this receiver alone. Waits until a port is free.
    fn bind(&self) -> impl Future<Output = anyhow::Result<(UdpEndpoint, NonZeroU16)>> + use<> {
        let (shared, stream) = (Arc::clone(&self.file.shared), self.stream());
        let member = self.recipient.member.clone();
        async move { socket::bind(&shared.config.ports, stream, &member, PortUse::Sending).await }
    }

    /// The stream to this receiver alone.
    fn stream(&self) -> StreamId {
        StreamId {
            transfer: self.file.transfer,
            lane: self.lane,
        }
    }

    /// Offers the file, and waits for the answer.
    async fn offer(
        &mut self,
        stream_key: Key,
        sender_port: NonZeroU16,
        group: Option<GroupOffer>,
    ) -> Result<Accepted, Failure> {
        if let Some(reason) = self.file.cancellation.reason() {
            return Err(Failure {
                reason,
                message: None,
            });
        }
        let offer = Offer {
            transfer: self.file.transfer,
            cast: self.file.cast,
            name: self.file.name.clone(),
            bytes: self.file.source.bytes(),
            attributes: self.file.source.attributes(),
            segment_bytes: self.file.settings.segment,
            lane: self.lane,
            receiver: self.receiver_number(),
            stream_key,
            sender_port,
            group,
            features: Features::CURRENT,
            extensions: Extensions::NONE,
        };
        self.recipient.channel.send(FileMessage::Offer(offer)).await;
        match self.answer().await? {
            Some(FileMessage::Accept {
                port,
                ack_key,
                free_segments,
                ..
            }) => {
                let ip = self.recipient.member.address.ip().to_canonical();
                Ok(Accepted {
                    address: SocketAddr::new(ip, port.get()),
                    ack_key,
                    first_segment: 0,
                    free_segments,
                })
            }
            message => Err(refused(message)),
        }
    }

    /// The receiver's answer to the offer. A receiver that receives too many files at the moment says that it will answer later.
    async fn answer(&mut self) -> Result<Option<FileMessage>, Failure> {
        let mut max_time = MAX_ANSWER_TIME;
        loop {
            let seconds = max_time.as_secs();
            let too_late = format!("did not answer the offer within {seconds} s");
            match self.next_message(max_time, &too_late).await? {
                Some(FileMessage::Wait { .. }) => max_time = 3 * WAIT_MESSAGE_INTERVAL,
                answer => return Ok(answer),
            }
        }
    }

    /// The receiver's next message. Without one in `max_time`, the transfer fails because of `too_late`.
    async fn next_message(
        &mut self,
        max_time: Duration,
        too_late: &str,
    ) -> Result<Option<FileMessage>, Failure> {
        tokio::select! {
            reason = self.file.cancellation.cancelled() => Err(self.recipient.channel.cancelled(reason)),
            message = timeout(max_time, self.recipient.channel.receive()) => message.map_err(|_| self.failed(too_late)),
        }
    }

    /// The receiver's number in the transfer.
    fn receiver_number(&self) -> u16 {
        self.lane - 1
    }

    /// Lets the group serve the receiver. Returns the hash if the group delivered everything. Otherwise updates `accepted`, which
    /// then says where to go on.
    async fn take_part(
        &mut self,
        invitation: &GroupInvitation,
        accepted: &mut Accepted,
        report: &mut RecipientReport,
    ) -> Result<Option<[u8; 32]>, Failure> {
        let (outcome_sender, mut outcome) = oneshot::channel();
        let receiver = GroupReceiver {
            number: self.receiver_number(),
            address: accepted.address,
            ack_key: accepted.ack_key.clone(),
            free_segments: accepted.free_segments,
            progress: self.recipient.progress.clone(),
        };
        let joined = GroupMessage::Joined(receiver, outcome_sender);
        let _ = invitation.messages.send(joined).await;
        let outcome = tokio::select! {
            outcome = &mut outcome => outcome,
            message = self.recipient.channel.receive() => {
                let left = GroupMessage::Left(self.receiver_number());
                let _ = invitation.messages.send(left).await;
                return Err(refused(message));
            }
        };
        let (hash, elapsed) = match outcome {
            Ok(Ok(GroupEnd::Finished { hash, elapsed })) => (Some(hash), elapsed),
            Ok(Ok(GroupEnd::Moved {
                first_segment,
                free_segments,
                elapsed,
                cause,
            })) => {
                let receiver = &self.recipient.member.name;
                tracing::debug!(%receiver, ?cause, first_segment, "moved to unicast");
                (accepted.first_segment, accepted.free_segments) = (first_segment, free_segments);
                (None, elapsed)
            }
            Ok(Err(reason)) => return Err(self.failed(reason)),
            Err(_) => return Err(self.failed("an internal error ended the transfer")),
        };
        if hash.is_some() || accepted.first_segment > 0 {
            report.path = Some(DeliveryPath::IpMulticast);
            report.extend_span(elapsed);
        }
        Ok(hash)
    }

    /// Waits for a turn or for a port, and keeps telling the receiver to wait.
    async fn wait_for<T>(
        &mut self,
        acquired: impl Future<Output = anyhow::Result<T>>,
    ) -> Result<T, Failure> {
        let mut acquired = pin!(acquired);
        let mut message_due = interval(WAIT_MESSAGE_INTERVAL);
        message_due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                acquired = &mut acquired => return acquired.map_err(|error| self.failed(error)),
                reason = self.file.cancellation.cancelled() => {
                    return Err(self.recipient.channel.cancelled(reason));
                }
                message = self.recipient.channel.receive() => return Err(refused(message)),
                _ = message_due.tick() => {
                    let transfer = self.file.transfer;
                    self.recipient.channel.send(FileMessage::Wait { transfer }).await;
                }
            }
        }
    }

    /// What the receiver lacks, by a stream of its own.
    fn send_request(&self, stream_key: Key, accepted: Accepted, with_hash: bool) -> SendRequest {
        SendRequest {
            source: self.file.source.clone(),
            stream: self.stream(),
            stream_key,
            segment_bytes: self.file.settings.segment,
            receiver: accepted.address,
            is_proven: false,
            receiver_number: self.receiver_number(),
            ack_key: accepted.ack_key,
            first_segment: accepted.first_segment,
            with_hash,
            free_segments: accepted.free_segments,
            config: self.file.settings.sender_config(),
        }
    }

    /// Sends the file by unicast. Stops early if the receiver gives up.
    async fn send_alone(
        &mut self,
        endpoint: UdpEndpoint,
        request: SendRequest,
        report: &mut RecipientReport,
    ) -> Result<Option<[u8; 32]>, Failure> {
        report.path = Some(match report.path {
            Some(_) => DeliveryPath::Moved,
            None => DeliveryPath::Unicast,
        });
        let mut control = self.file.control(self.lane);
        control.progress = self.recipient.progress.clone();
        let mut sending = pin!(send_file(endpoint, request, &control));
        let mut refusal = None;
        let outcome = loop {
            tokio::select! {
                outcome = &mut sending => break outcome,
                message = self.recipient.channel.receive(), if refusal.is_none() => {
                    refusal = Some(refused(message));
                    control.cancel.cancel();
                }
            }
        };
        let totals = match &outcome {
            Ok(outcome) => outcome.totals.clone(),
            Err(failure) => SendTotals::clone(&failure.totals),
        };
        report.extend_span(totals.elapsed);
        report.totals = Some(totals);
        match (outcome, refusal) {
            (_, Some(refusal)) => Err(refusal),
            (Ok(outcome), None) => Ok(outcome.hash),
            (Err(failure), None) => Err(self.failed(failure)),
        }
    }

    async fn wait_for_confirmation(&mut self) -> Result<(), Failure> {
        let disk_time = Duration::from_secs(self.file.source.bytes() / MIN_DISK_RATE);
        let too_late = "did not confirm that the file arrived";
        match self
            .next_message(MAX_CONFIRM_TIME + disk_time, too_late)
            .await?
        {
            Some(FileMessage::Received { .. }) => Ok(()),
            message => Err(refused(message)),
        }
    }

    /// Sending failed here, perhaps because it was cancelled.
    fn failed(&self, error: impl Display) -> Failure {
        let (channel, error) = (&self.recipient.channel, error.to_string());
        match self.file.cancellation.reason() {
            Some(reason) => channel.cancelled(reason),
            None => channel.failed(error.clone(), &error),
        }
    }
}

/// The failure that an unexpected message of the receiver means, or its departure.
fn refused(message: Option<FileMessage>) -> Failure {
    let reason = match message {
        None => "left the room".into(),
        Some(FileMessage::Decline { reason, .. }) => format!("declined: {reason}"),
        Some(FileMessage::Failed { reason, .. }) => reason.to_string(),
        Some(FileMessage::Cancel { .. }) => "cancelled by the receiver".into(),
        Some(_) => "violated the protocol".into(),
    };
    Failure {
        reason,
        message: None,
    }
}
