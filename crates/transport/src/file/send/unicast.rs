//! Sending a file to one receiver.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use backroom_gbn::{LossCause, SenderConfig};
use backroom_protocol::Key;
use backroom_protocol::segment::{AnswerCipher, ProbeSealer, SegmentBytes, StreamId};

use super::path::Path;
use super::receivers::Receivers;
use super::result::{SendError, SendFailure, SendOutcome};
use super::route::check_route;
use super::stream::{SendStream, StreamSpec};
use crate::file::control::Control;
use crate::file::source::SourceFile;
use crate::file::thread::{self, Inbox};
use crate::udp::UdpEndpoint;

/// A file and the receiver that has accepted it.
#[derive(Debug)]
pub struct SendRequest {
    /// The file.
    pub source: SourceFile,
    /// The stream to this receiver.
    pub stream: StreamId,
    /// The key that segments are sealed with. It must never be used for another stream.
    pub stream_key: Key,
    /// The payload of a segment.
    pub segment_bytes: SegmentBytes,
    /// Where the receiver listens: its address, and the port it accepted with.
    pub receiver: SocketAddr,
    /// Whether this host has answered from this address before. Otherwise segments follow once it has answered a probe.
    pub is_proven: bool,
    /// The receiver's number in the transfer, which its ACKs carry.
    pub receiver_number: u16,
    /// The key that the receiver seals its ACKs with.
    pub ack_key: Key,
    /// The first segment that the receiver lacks: 0, unless it got others from a group's stream.
    pub first_segment: u64,
    /// Whether to hash the file. The receiver needs the hash if it was offered a group's stream too: other receivers know that
    /// stream's key.
    pub with_hash: bool,
    /// The receiver's space, in segments from `first_segment` on.
    pub free_segments: u32,
    /// Window, recovery and timer.
    pub config: SenderConfig,
}

/// Sends a file on a thread of its own, and returns once the receiver has acknowledged the last segment. An empty file needs no
/// segment.
///
/// Must run within a tokio runtime. Dropping the future cancels the transfer.
///
/// # Errors
/// [`SendFailure`], with what was spent until then.
pub async fn send_file(
    endpoint: UdpEndpoint,
    request: SendRequest,
    control: &Control,
) -> Result<SendOutcome, SendFailure> {
    let transfer = |control, inbox| send(endpoint, request, control, inbox);
    thread::run(control, thread::no_messages(), transfer).await?
}

fn send(
    endpoint: UdpEndpoint,
    request: SendRequest,
    control: Control,
    inbox: Inbox<Infallible>,
) -> Result<SendOutcome, SendFailure> {
    check_route(request.receiver, request.segment_bytes)?;
    let source = request.source.clone();
    let mut receivers = Receivers::new(request.stream);
    receivers.insert(
        request.receiver_number,
        &request.ack_key,
        request.first_segment,
        request.free_segments,
        control.progress.clone(),
    );
    let started = Instant::now();
    let path = Path::new(
        request.receiver,
        request.is_proven,
        ProbeSealer::new(request.stream, &request.stream_key),
        AnswerCipher::new(request.stream, request.receiver_number, &request.ack_key),
        started,
    );
    let proof_deadline = started.checked_add(request.config.max_stall);
    let spec = StreamSpec {
        source: request.source,
        stream: request.stream,
        stream_key: request.stream_key,
        segment_bytes: request.segment_bytes,
        to: request.receiver,
        first_segment: request.first_segment,
        with_hash: request.with_hash,
        config: request.config,
        path: Some(path),
    };
    let mut stream = SendStream::new(endpoint, spec, receivers, control, &inbox.waker);
    let served = serve(&mut stream, &inbox, request.receiver, proof_deadline)
        .and_then(|()| Ok(source.check_not_replaced()?));
    let totals = stream.totals();
    match served {
        Ok(()) => Ok(SendOutcome {
            hash: stream.hash(),
            totals,
        }),
        Err(error) => Err(SendFailure {
            error,
            totals: Box::new(totals),
        }),
    }
}

/// Sends until the receiver has acknowledged everything.
fn serve(
    stream: &mut SendStream,
    inbox: &Inbox<Infallible>,
    receiver: SocketAddr,
    proof_deadline: Option<Instant>,
) -> Result<(), SendError> {
    loop {
        let has_more_work = stream.turn()?;
        if let Some(departure) = stream.departures.pop_front() {
            return match departure.lost {
                None => Ok(()),
                Some(LossCause::Silent) => Err(SendError::ReceiverLost(receiver)),
                Some(LossCause::Stalled) => Err(SendError::Stalled(receiver)),
            };
        }
        if inbox.cancel.is_cancelled() {
            return Err(SendError::Cancelled);
        }
        let proof_deadline = proof_deadline.filter(|_| stream.waits_for_proof());
        if proof_deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(SendError::ReceiverLost(receiver));
        }
        if !has_more_work {
            let deadline = stream
                .poll_timeout()
                .into_iter()
                .chain(proof_deadline)
                .min();
            stream.wait(inbox, deadline)?;
        }
    }
}
