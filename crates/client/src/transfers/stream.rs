//! One receiver of a file on its way out: offered, accepted, sent, confirmed.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backroom_protocol::segment::Stream as StreamId;
use backroom_protocol::{Cast, FileMessage, FileName, Key, Offer, TransferId};
use backroom_transport::file::{
    Control, GroupEnd, GroupReceiver, SendFailure, SendRequest, SendTotals, SourceFile, Streams,
    send_file,
};
use backroom_transport::udp::UdpEndpoint;
use backroom_vocabulary::trace::Side;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::group::{Seat, Served, Word};
use super::outgoing::Receiver;
use super::stop::Stop;
use super::{endpoint, failed};
use crate::settings::Settings;
use crate::tracer::{Begin, Tracer};

/// How long a receiver may take to answer an offer.
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// How long a receiver may take to say that the whole file is on its disk, however small it is.
const CONFIRM_TIME: Duration = Duration::from_secs(60);

/// And how fast its disk is at least, in bytes per second.
const SLOWEST_DISK: u64 = 4 << 20;

/// How often a receiver hears that its turn has not come. It gives up when it hears nothing for three times as long.
const REMINDER_TIME: Duration = Duration::from_secs(10);

/// A stream before it begins.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) receiver: Receiver,
    pub(super) transfer: TransferId,
    pub(super) lane: u16,
    pub(super) cast: Cast,
    pub(super) source: SourceFile,
    pub(super) name: FileName,
    pub(super) settings: Settings,
    pub(super) gso: bool,
    pub(super) trace: Option<Tracer>,
    pub(super) stop: Stop,
    /// All that this member sends.
    pub(super) streams: Streams,
    /// Its place in a group, where there is one.
    pub(super) seat: Option<Seat>,
}

/// By what a receiver got its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A stream of its own.
    Unicast,
    /// The group's stream.
    Multicast,
    /// The group's and then its own.
    Moved,
}

/// How a stream ended.
#[derive(Debug)]
pub(super) struct StreamReport {
    /// By what segments went to it, where it came to that.
    pub(super) way: Option<Way>,
    /// What its own stream took, where it came to sending.
    pub(super) totals: Option<SendTotals>,
    /// From the first segment to the last ACK.
    pub(super) span: Option<(Instant, Instant)>,
    /// Whether the file is there, or why not.
    pub(super) result: Result<(), String>,
}

impl StreamReport {
    /// Takes note of a span of sending that ends now.
    fn note_span(&mut self, elapsed: Duration) {
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

impl Default for StreamReport {
    /// Of a stream whose task did not come to an end.
    fn default() -> Self {
        Self {
            way: None,
            totals: None,
            span: None,
            result: Err("sending broke off".into()),
        }
    }
}

/// Why a stream ended early, and so whether the receiver has to be told.
enum Failure {
    /// The receiver said so, or is gone.
    Theirs(String),
    /// Something here.
    Ours(String),
}

/// What the receiver accepted with.
struct Accepted {
    address: SocketAddr,
    ack_key: Key,
    first_segment: u64,
    free_segments: u32,
}

impl Stream {
    /// Runs it to its end.
    pub(super) async fn run(mut self) -> StreamReport {
        let mut report = StreamReport {
            way: None,
            totals: None,
            span: None,
            result: Ok(()),
        };
        report.result = match self.offer_and_send(&mut report).await {
            Ok(()) => Ok(()),
            Err(Failure::Theirs(reason)) => Err(reason),
            Err(Failure::Ours(reason)) => {
                let message = if self.stop.is_stopped() {
                    FileMessage::Cancel {
                        transfer: self.transfer,
                    }
                } else {
                    failed(self.transfer, &reason)
                };
                self.receiver.link.tell(message).await;
                Err(reason)
            }
        };
        self.receiver.link.close().await;
        report
    }

    async fn offer_and_send(&mut self, report: &mut StreamReport) -> Result<(), Failure> {
        let stream_key = Key::generate().map_err(ours)?;
        // A socket is only opened for a stream that is sure to be needed.
        let (mut own, port) = match &self.seat {
            Some(seat) => (None, seat.port),
            None => {
                let (endpoint, port) = endpoint(&self.receiver.member, self.gso).map_err(ours)?;
                (Some(endpoint), port)
            }
        };
        if self.stop.is_stopped() {
            return Err(Failure::Theirs(self.stop.reason()));
        }
        let offer = self.offer(stream_key.clone(), port);
        self.receiver.link.tell(FileMessage::Offer(offer)).await;
        let mut accepted = match self.answer().await {
            Ok(accepted) => accepted,
            Err(failure) => {
                if let Some(seat) = &self.seat {
                    let _ = seat.words.send(Word::Declined).await;
                }
                return Err(failure);
            }
        };
        let with_hash = self.seat.is_some();
        let mut hash = None;
        let mut turn = None;
        if let Some(seat) = self.seat.take() {
            hash = self.take_part(&seat, &mut accepted, report).await?;
            if hash.is_none() {
                turn = self.turn(seat.turns).await?;
                own = Some(endpoint(&self.receiver.member, self.gso).map_err(ours)?.0);
            }
        }
        if let Some(own) = own {
            let request = self.request(stream_key, accepted, with_hash);
            hash = self.send_alone(own, request, report).await?;
        }
        drop(turn);
        self.receiver
            .link
            .tell(FileMessage::Finished {
                transfer: self.transfer,
                hash,
            })
            .await;
        self.confirmation().await
    }

    fn offer(&self, stream_key: Key, sender_port: NonZeroU16) -> Offer {
        Offer {
            transfer: self.transfer,
            cast: self.cast,
            name: self.name.clone(),
            bytes: self.source.bytes(),
            segment_bytes: self.settings.segment,
            lane: self.lane,
            receiver: self.number(),
            stream_key,
            sender_port,
            group: self.seat.as_ref().map(|seat| seat.offer.clone()),
        }
    }

    /// The receiver's number in the transfer.
    fn number(&self) -> u16 {
        self.lane - 1
    }

    /// Is served by the group. Gives the hash if it got everything there, and else notes in `accepted` from where on it
    /// has to be served alone.
    async fn take_part(
        &mut self,
        seat: &Seat,
        accepted: &mut Accepted,
        report: &mut StreamReport,
    ) -> Result<Option<[u8; 32]>, Failure> {
        let (tell, mut served) = oneshot::channel();
        let receiver = GroupReceiver {
            number: self.number(),
            address: accepted.address,
            ack_key: accepted.ack_key.clone(),
            free_segments: accepted.free_segments,
            progress: self.receiver.progress.clone(),
        };
        let _ = seat.words.send(Word::Joined(receiver, tell)).await;
        let served = tokio::select! {
            served = &mut served => served,
            message = self.receiver.link.hear() => {
                let _ = seat.words.send(Word::Left(self.number())).await;
                return Err(self.refused(message));
            }
        };
        let (hash, elapsed) = match served {
            Ok(Served::End(GroupEnd::Finished { hash, elapsed })) => (Some(hash), elapsed),
            Ok(Served::End(GroupEnd::Moved {
                first_segment,
                free_segments,
                elapsed,
                cause,
            })) => {
                let receiver = &self.receiver.member.name;
                tracing::debug!(%receiver, ?cause, first_segment, "is served alone");
                (accepted.first_segment, accepted.free_segments) = (first_segment, free_segments);
                (None, elapsed)
            }
            Ok(Served::Failed(_)) if self.stop.is_stopped() => {
                return Err(Failure::Ours(self.stop.reason()));
            }
            Ok(Served::Failed(reason)) => return Err(Failure::Ours(reason)),
            Err(_) => return Err(ours("sending broke off")),
        };
        if hash.is_some() || accepted.first_segment > 0 {
            report.way = Some(Way::Multicast);
            report.note_span(elapsed);
        }
        Ok(hash)
    }

    /// Waits until few enough others are served alone, and tells the receiver meanwhile that it waits.
    async fn turn(
        &mut self,
        turns: Arc<Semaphore>,
    ) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        let mut turn = pin!(turns.acquire_owned());
        let mut remind = interval(REMINDER_TIME);
        remind.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                // The turns are never closed.
                turn = &mut turn => return Ok(turn.ok()),
                reason = self.stop.stopped() => return Err(Failure::Ours(reason)),
                message = self.receiver.link.hear() => return Err(self.refused(message)),
                _ = remind.tick() => {
                    let transfer = self.transfer;
                    self.receiver.link.tell(FileMessage::Wait { transfer }).await;
                }
            }
        }
    }

    /// What the receiver lacks, by a stream of its own.
    fn request(&self, stream_key: Key, accepted: Accepted, with_hash: bool) -> SendRequest {
        SendRequest {
            source: self.source.clone(),
            stream: StreamId {
                transfer: self.transfer,
                lane: self.lane,
            },
            stream_key,
            segment_bytes: self.settings.segment,
            receiver: accepted.address,
            receiver_number: self.number(),
            ack_key: accepted.ack_key,
            first_segment: accepted.first_segment,
            with_hash,
            free_segments: accepted.free_segments,
            config: self.settings.sender_config(),
        }
    }

    async fn answer(&mut self) -> Result<Accepted, Failure> {
        let message = tokio::select! {
            reason = self.stop.stopped() => return Err(Failure::Ours(reason)),
            answer = timeout(ANSWER_TIME, self.receiver.link.hear()) => answer.map_err(|_| {
                Failure::Ours(format!("did not answer the offer within {} s", ANSWER_TIME.as_secs()))
            })?,
        };
        match message {
            Some(FileMessage::Accept {
                port,
                ack_key,
                free_segments,
                ..
            }) => {
                let ip = self.receiver.member.address.ip().to_canonical();
                Ok(Accepted {
                    address: SocketAddr::new(ip, port.get()),
                    ack_key,
                    first_segment: 0,
                    free_segments,
                })
            }
            message => Err(self.refused(message)),
        }
    }

    /// Sends it, and stops early where the receiver says that it does not want it any more.
    async fn send_alone(
        &mut self,
        endpoint: UdpEndpoint,
        request: SendRequest,
        report: &mut StreamReport,
    ) -> Result<Option<[u8; 32]>, Failure> {
        report.way = Some(match report.way {
            Some(_) => Way::Moved,
            None => Way::Unicast,
        });
        let control = Control {
            cancel: self.stop.token(),
            progress: self.receiver.progress.clone(),
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
        let mut theirs = None;
        let outcome = loop {
            tokio::select! {
                outcome = &mut sending => break outcome,
                message = self.receiver.link.hear(), if theirs.is_none() => {
                    theirs = Some(refusal(message));
                    control.cancel.cancel();
                }
            }
        };
        let totals = match &outcome {
            Ok(outcome) => outcome.totals.clone(),
            Err(SendFailure { totals, .. }) => totals.clone(),
        };
        report.note_span(totals.elapsed);
        report.totals = Some(totals);
        match (outcome, theirs) {
            (_, Some(reason)) => Err(Failure::Theirs(reason)),
            (Ok(outcome), None) => Ok(outcome.hash),
            (Err(_), None) if self.stop.is_stopped() => Err(Failure::Ours(self.stop.reason())),
            (Err(failure), None) => Err(ours(failure)),
        }
    }

    async fn confirmation(&mut self) -> Result<(), Failure> {
        let patience = CONFIRM_TIME + Duration::from_secs(self.source.bytes() / SLOWEST_DISK);
        let message = tokio::select! {
            reason = self.stop.stopped() => return Err(Failure::Ours(reason)),
            message = timeout(patience, self.receiver.link.hear()) => message.map_err(|_| {
                Failure::Ours("did not confirm that the file arrived".into())
            })?,
        };
        match message {
            Some(FileMessage::Received { .. }) => Ok(()),
            message => Err(self.refused(message)),
        }
    }

    fn refused(&self, message: Option<FileMessage>) -> Failure {
        Failure::Theirs(refusal(message))
    }
}

/// What it means that the receiver says this instead of going on.
fn refusal(message: Option<FileMessage>) -> String {
    match message {
        None => "left the room".into(),
        Some(FileMessage::Decline { reason, .. }) => format!("declined: {reason}"),
        Some(FileMessage::Failed { reason, .. }) => reason.to_string(),
        Some(FileMessage::Cancel { .. }) => "cancelled by the receiver".into(),
        Some(_) => "said something else than the protocol has here".into(),
    }
}

fn ours(error: impl std::fmt::Display) -> Failure {
    Failure::Ours(error.to_string())
}
