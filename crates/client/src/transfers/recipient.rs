//! One receiver of an outgoing file: offers it, waits for the acceptance, sends, and waits for the confirmation.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backroom_protocol::segment::StreamId;
use backroom_protocol::{
    Cast, FileMessage, FileName, GroupOffer, Key, MemberInfo, Offer, TransferId,
};
use backroom_transport::file::{
    Control, GroupEnd, GroupReceiver, Progress, SendFailure, SendRequest, SendTotals, SourceFile,
    StreamCount, send_file,
};
use backroom_transport::udp::UdpEndpoint;
use backroom_vocabulary::DeliveryPath;
use backroom_vocabulary::trace::Side;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::channel::PeerChannel;
use super::group::{GroupInvitation, GroupMessage, GroupOutcome};
use super::socket;
use super::stop::Stop;
use crate::settings::Settings;
use crate::tracer::{Begin, Tracer};

/// How long a receiver may take to answer an offer.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(15);

/// How long a receiver may take to confirm that the whole file is on its disk, in addition to the time that the slowest disk
/// needs.
const MAX_CONFIRM_TIME: Duration = Duration::from_secs(60);

/// The slowest disk, in bytes per second.
const MIN_DISK_RATE: u64 = 4 << 20;

/// How often a receiver that waits for its turn is told to wait. It gives up after three times as long without a message.
const WAIT_MESSAGE_INTERVAL: Duration = Duration::from_secs(10);

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
    pub(super) recipient: Recipient,
    pub(super) transfer: TransferId,
    pub(super) lane: u16,
    pub(super) cast: Cast,
    pub(super) source: SourceFile,
    pub(super) name: FileName,
    pub(super) settings: Settings,
    pub(super) gso: bool,
    pub(super) trace: Option<Tracer>,
    pub(super) stop: Stop,
    /// Counts the streams of all files.
    pub(super) streams: StreamCount,
    /// If there is a group for it.
    pub(super) invitation: Option<GroupInvitation>,
}

/// How the transfer to one receiver ended.
#[derive(Debug)]
pub(super) struct RecipientReport {
    /// `None` if no segment was sent.
    pub(super) path: Option<DeliveryPath>,
    /// What its own stream took, if there was one.
    pub(super) totals: Option<SendTotals>,
    /// From the first segment to the last ACK.
    pub(super) span: Option<(Instant, Instant)>,
    /// Whether the receiver has the file, or the reason why not.
    pub(super) result: Result<(), String>,
}

impl RecipientReport {
    /// Extends the span by a stream that ends now.
    fn extend_span(&mut self, elapsed: Duration) {
        let now = Instant::now();
        let begun = self.span.map(|(first, _)| first);
        let first = begun.or_else(|| now.checked_sub(elapsed));
        self.span = first.map(|first| (first, now));
    }

    /// From the first segment to the last ACK.
    pub(super) fn seconds(&self) -> Option<f64> {
        let (first, last) = self.span?;
        Some(last.saturating_duration_since(first).as_secs_f64())
    }
}

impl Default for RecipientReport {
    /// The report if the task panicked.
    fn default() -> Self {
        Self {
            path: None,
            totals: None,
            span: None,
            result: Err("an internal error ended the transfer".into()),
        }
    }
}

/// Why a transfer failed, which decides whether the receiver has to be told.
enum Failure {
    /// The receiver gave up, or has left.
    Remote(String),
    /// The reason is here.
    Local(String),
}

/// What the receiver accepted with.
struct Accepted {
    address: SocketAddr,
    ack_key: Key,
    first_segment: u64,
    free_segments: u32,
}

impl RecipientTransfer {
    /// Runs the transfer to its end.
    pub(super) async fn run(mut self) -> RecipientReport {
        let mut report = RecipientReport {
            result: Ok(()),
            ..RecipientReport::default()
        };
        if let Err(failure) = self.offer_and_send(&mut report).await {
            report.result = Err(match failure {
                Failure::Remote(reason) => reason,
                Failure::Local(reason) => {
                    let message = match self.stop.is_stopped() {
                        true => FileMessage::Cancel {
                            transfer: self.transfer,
                        },
                        false => self.recipient.channel.failed(&reason),
                    };
                    self.recipient.channel.send(message).await;
                    reason
                }
            });
        }
        self.recipient.channel.close().await;
        report
    }

    async fn offer_and_send(&mut self, report: &mut RecipientReport) -> Result<(), Failure> {
        let hash = match self.invitation.take() {
            None => self.send_by_unicast(report).await?,
            Some(invitation) => self.send_by_group(&invitation, report).await?,
        };
        let transfer = self.transfer;
        let finished = FileMessage::Finished { transfer, hash };
        self.recipient.channel.send(finished).await;
        self.wait_for_confirmation().await
    }

    async fn send_by_unicast(
        &mut self,
        report: &mut RecipientReport,
    ) -> Result<Option<[u8; 32]>, Failure> {
        let stream_key = Key::generate().map_err(local)?;
        let (endpoint, port) = self.bind()?;
        let accepted = self.offer(stream_key.clone(), port, None).await?;
        let request = self.send_request(stream_key, accepted, false);
        self.send_alone(endpoint, request, report).await
    }

    /// Takes part in the group. What the group does not deliver is sent by unicast, when it is this receiver's turn.
    async fn send_by_group(
        &mut self,
        invitation: &GroupInvitation,
        report: &mut RecipientReport,
    ) -> Result<Option<[u8; 32]>, Failure> {
        let stream_key = Key::generate().map_err(local)?;
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
        let _turn = self.wait_for_turn(Arc::clone(&invitation.turns)).await?;
        let (endpoint, _) = self.bind()?;
        let request = self.send_request(stream_key, accepted, true);
        self.send_alone(endpoint, request, report).await
    }

    fn bind(&self) -> Result<(UdpEndpoint, NonZeroU16), Failure> {
        socket::bind(&self.recipient.member, self.gso).map_err(local)
    }

    /// Offers the file, and waits for the answer.
    async fn offer(
        &mut self,
        stream_key: Key,
        sender_port: NonZeroU16,
        group: Option<GroupOffer>,
    ) -> Result<Accepted, Failure> {
        if self.stop.is_stopped() {
            return Err(Failure::Remote(self.stop.reason()));
        }
        let offer = Offer {
            transfer: self.transfer,
            cast: self.cast,
            name: self.name.clone(),
            bytes: self.source.bytes(),
            segment_bytes: self.settings.segment,
            lane: self.lane,
            receiver: self.receiver_number(),
            stream_key,
            sender_port,
            group,
        };
        self.recipient.channel.send(FileMessage::Offer(offer)).await;
        self.wait_for_answer().await
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
            Ok(GroupOutcome::Ended(GroupEnd::Finished { hash, elapsed })) => (Some(hash), elapsed),
            Ok(GroupOutcome::Ended(GroupEnd::Moved {
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
            Ok(GroupOutcome::Failed(_)) if self.stop.is_stopped() => {
                return Err(Failure::Local(self.stop.reason()));
            }
            Ok(GroupOutcome::Failed(reason)) => return Err(Failure::Local(reason)),
            Err(_) => return Err(local("an internal error ended the transfer")),
        };
        if hash.is_some() || accepted.first_segment > 0 {
            report.path = Some(DeliveryPath::IpMulticast);
            report.extend_span(elapsed);
        }
        Ok(hash)
    }

    /// Waits for a turn, and keeps telling the receiver to wait.
    async fn wait_for_turn(
        &mut self,
        turns: Arc<Semaphore>,
    ) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        let mut turn = pin!(turns.acquire_owned());
        let mut message_due = interval(WAIT_MESSAGE_INTERVAL);
        message_due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                // The semaphore is never closed.
                turn = &mut turn => return Ok(turn.ok()),
                reason = self.stop.stopped() => return Err(Failure::Local(reason)),
                message = self.recipient.channel.receive() => return Err(refused(message)),
                _ = message_due.tick() => {
                    let transfer = self.transfer;
                    self.recipient.channel.send(FileMessage::Wait { transfer }).await;
                }
            }
        }
    }

    /// What the receiver lacks, by a stream of its own.
    fn send_request(&self, stream_key: Key, accepted: Accepted, with_hash: bool) -> SendRequest {
        SendRequest {
            source: self.source.clone(),
            stream: StreamId {
                transfer: self.transfer,
                lane: self.lane,
            },
            stream_key,
            segment_bytes: self.settings.segment,
            receiver: accepted.address,
            receiver_number: self.receiver_number(),
            ack_key: accepted.ack_key,
            first_segment: accepted.first_segment,
            with_hash,
            free_segments: accepted.free_segments,
            config: self.settings.sender_config(),
        }
    }

    async fn wait_for_answer(&mut self) -> Result<Accepted, Failure> {
        let message = tokio::select! {
            reason = self.stop.stopped() => return Err(Failure::Local(reason)),
            answer = timeout(MAX_ANSWER_TIME, self.recipient.channel.receive()) => answer.map_err(|_| {
                Failure::Local(format!("did not answer the offer within {} s", MAX_ANSWER_TIME.as_secs()))
            })?,
        };
        match message {
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
        let control = Control {
            cancel: self.stop.token(),
            progress: self.recipient.progress.clone(),
            streams: self.streams.clone(),
            trace: self.trace.as_ref().and_then(|tracer| {
                tracer.begin(Begin {
                    stream: request.stream,
                    side: Side::Sender,
                    window: request.config.window.fixed(),
                    bytes: self.source.bytes(),
                    segment_bytes: request.segment_bytes.value(),
                })
            }),
        };
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
            Err(SendFailure { totals, .. }) => totals.clone(),
        };
        report.extend_span(totals.elapsed);
        report.totals = Some(totals);
        match (outcome, refusal) {
            (_, Some(refusal)) => Err(refusal),
            (Ok(outcome), None) => Ok(outcome.hash),
            (Err(_), None) if self.stop.is_stopped() => Err(Failure::Local(self.stop.reason())),
            (Err(failure), None) => Err(local(failure)),
        }
    }

    async fn wait_for_confirmation(&mut self) -> Result<(), Failure> {
        let disk_time = Duration::from_secs(self.source.bytes() / MIN_DISK_RATE);
        let max_time = MAX_CONFIRM_TIME + disk_time;
        let message = tokio::select! {
            reason = self.stop.stopped() => return Err(Failure::Local(reason)),
            message = timeout(max_time, self.recipient.channel.receive()) => message.map_err(|_| {
                Failure::Local("did not confirm that the file arrived".into())
            })?,
        };
        match message {
            Some(FileMessage::Received { .. }) => Ok(()),
            message => Err(refused(message)),
        }
    }
}

/// The failure that an unexpected message of the receiver means, or its departure.
fn refused(message: Option<FileMessage>) -> Failure {
    Failure::Remote(match message {
        None => "left the room".into(),
        Some(FileMessage::Decline { reason, .. }) => format!("declined: {reason}"),
        Some(FileMessage::Failed { reason, .. }) => reason.to_string(),
        Some(FileMessage::Cancel { .. }) => "cancelled by the receiver".into(),
        Some(_) => "violated the protocol".into(),
    })
}

fn local(error: impl std::fmt::Display) -> Failure {
    Failure::Local(error.to_string())
}
