//! Sending a file to one receiver.

use std::convert::Infallible;
use std::net::SocketAddr;

use backroom_gbn::SenderConfig;
use backroom_protocol::Key;
use backroom_protocol::segment::{SegmentBytes, StreamId};

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
    let spec = StreamSpec {
        source: request.source,
        stream: request.stream,
        stream_key: request.stream_key,
        segment_bytes: request.segment_bytes,
        to: request.receiver,
        first_segment: request.first_segment,
        with_hash: request.with_hash,
        config: request.config,
    };
    let mut stream = SendStream::new(endpoint, spec, receivers, control, &inbox.waker);
    let served = serve(&mut stream, &inbox, request.receiver)
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
) -> Result<(), SendError> {
    loop {
        let has_more_work = stream.turn()?;
        if let Some(departure) = stream.departures.pop_front() {
            return match departure.has_finished {
                true => Ok(()),
                false => Err(SendError::ReceiverLost(receiver)),
            };
        }
        if inbox.cancel.is_cancelled() {
            return Err(SendError::Cancelled);
        }
        if !has_more_work {
            stream.wait(inbox, stream.gbn.poll_timeout())?;
        }
    }
}
