//! One receiver of a file on its way out: offered, accepted, sent, confirmed.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::{Duration, Instant};

use backroom_protocol::segment::Stream as StreamId;
use backroom_protocol::{Cast, FileMessage, FileName, Key, Offer, TransferId};
use backroom_transport::file::{
    Control, SendFailure, SendRequest, SendTotals, SourceFile, send_file,
};
use backroom_transport::udp::UdpEndpoint;
use tokio::time::timeout;

use super::outgoing::Receiver;
use super::stop::Stop;
use super::{endpoint, failed};
use crate::settings::Settings;

/// How long a receiver may take to answer an offer.
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// How long a receiver may take to say that the whole file is on its disk, however small it is.
const CONFIRM_TIME: Duration = Duration::from_secs(60);

/// And how fast its disk is at least, in bytes per second.
const SLOWEST_DISK: u64 = 4 << 20;

/// The number of the one receiver that a stream has.
const ONLY_RECEIVER: u16 = 0;

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
    pub(super) stop: Stop,
}

/// How a stream ended.
#[derive(Debug)]
pub(super) struct StreamReport {
    /// What it took, where it came to sending.
    pub(super) totals: Option<SendTotals>,
    /// From the first segment to the last ACK.
    pub(super) span: Option<(Instant, Instant)>,
    /// Whether the file is there, or why not.
    pub(super) result: Result<(), String>,
}

impl StreamReport {
    /// From the first segment to the last ACK.
    pub(super) fn seconds(&self) -> Option<f64> {
        self.totals.map(|totals| totals.elapsed.as_secs_f64())
    }
}

impl Default for StreamReport {
    /// Of a stream whose task did not come to an end.
    fn default() -> Self {
        Self {
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
    free_segments: u32,
}

impl Stream {
    /// Runs it to its end.
    pub(super) async fn run(mut self) -> StreamReport {
        let mut report = StreamReport {
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
        let (endpoint, port) = endpoint(&self.receiver.member, self.gso).map_err(ours)?;
        let offer = Offer {
            transfer: self.transfer,
            cast: self.cast,
            name: self.name.clone(),
            bytes: self.source.bytes(),
            segment_bytes: self.settings.segment,
            lane: self.lane,
            receiver: ONLY_RECEIVER,
            stream_key: stream_key.clone(),
            sender_port: port,
        };
        if self.stop.is_stopped() {
            return Err(Failure::Theirs(self.stop.reason()));
        }
        self.receiver.link.tell(FileMessage::Offer(offer)).await;
        let accepted = self.answer().await?;
        let request = SendRequest {
            source: self.source.clone(),
            stream: StreamId {
                transfer: self.transfer,
                lane: self.lane,
            },
            stream_key,
            segment_bytes: self.settings.segment,
            receiver: accepted.address,
            ack_key: accepted.ack_key,
            free_segments: accepted.free_segments,
            config: self.settings.sender_config(),
        };
        let hash = self.send(&endpoint, request, report).await?;
        self.receiver
            .link
            .tell(FileMessage::Finished {
                transfer: self.transfer,
                hash,
            })
            .await;
        self.confirmation().await
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
                    free_segments,
                })
            }
            message => Err(self.refused(message)),
        }
    }

    /// Sends the file, and stops early where the receiver says that it does not want it any more.
    async fn send(
        &mut self,
        endpoint: &UdpEndpoint,
        request: SendRequest,
        report: &mut StreamReport,
    ) -> Result<[u8; 32], Failure> {
        let control = Control {
            cancel: self.stop.token(),
            progress: self.receiver.progress.clone(),
            ..Control::default()
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
            Ok(outcome) => outcome.totals,
            Err(SendFailure { totals, .. }) => *totals,
        };
        let now = Instant::now();
        report.totals = Some(totals);
        report.span = now.checked_sub(totals.elapsed).map(|first| (first, now));
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
