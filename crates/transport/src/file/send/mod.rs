//! Sending a file, to one receiver or to a group.

mod contents;
mod driver;
mod group;
mod plaintext;
mod read_ahead;
mod reader;
mod receivers;
mod store;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use backroom_gbn::{SegmentDelays, Sender, SenderConfig, SenderStats};
use backroom_protocol::Key;
use backroom_protocol::segment::{SealError, SegmentBytes, Stream};

use self::driver::{Driver, Job};
use self::receivers::Receivers;
use super::{Control, SourceError, SourceFile, own_thread};
use crate::udp::{Route, UdpEndpoint};

pub use group::{GroupEnd, GroupMembers, GroupReceiver, GroupRequest, MoveCause, send_to_group};

/// A file and whom it goes to, after the receiver has accepted it.
#[derive(Debug)]
pub struct SendRequest {
    /// The file.
    pub source: SourceFile,
    /// Its stream to this receiver.
    pub stream: Stream,
    /// The key that segments are sealed with. Never used for another stream.
    pub stream_key: Key,
    /// The payload of a segment.
    pub segment_bytes: SegmentBytes,
    /// Where the receiver listens: its address, and the port it accepted with.
    pub receiver: SocketAddr,
    /// Its number in the transfer, which its ACKs carry.
    pub receiver_number: u16,
    /// The key that the receiver seals its ACKs with.
    pub ack_key: Key,
    /// The first segment that it lacks: 0, unless it had others from a group.
    pub first_segment: u64,
    /// Whether the receiver needs the file's hash: where it was offered a group's stream too, under a key that others have.
    pub with_hash: bool,
    /// The space the receiver has from there on.
    pub free_segments: u32,
    /// Window, recovery and timer.
    pub config: SenderConfig,
}

/// A file that has arrived, as far as the receiver's ACKs say.
#[derive(Debug, Clone)]
pub struct SendOutcome {
    /// BLAKE3 of the file, for the receiver that needs it.
    pub hash: Option<[u8; 32]>,
    /// What it took.
    pub totals: SendTotals,
}

/// What a stream took, whether it succeeded or not.
#[derive(Debug, Clone)]
pub struct SendTotals {
    /// Bytes of the file acknowledged.
    pub bytes: u64,
    /// From the first transmission to the last ACK.
    pub elapsed: Duration,
    /// Segments, go-backs, timeouts and round trips.
    pub stats: SenderStats,
    /// Segments that the kernel refused to send, which counts as lost.
    pub refused: u64,
    /// Datagrams that arrived and were no new ACK of this stream.
    pub dropped: u64,
    /// How long segments took to be acknowledged.
    pub delays: SegmentDelays,
}

/// A file that did not arrive, and what was spent on it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct SendFailure {
    /// Why.
    #[source]
    pub error: SendError,
    /// What it took.
    pub totals: SendTotals,
}

impl SendFailure {
    fn before_the_first_segment(error: io::Error) -> Self {
        Self {
            error: error.into(),
            totals: SendTotals {
                bytes: 0,
                elapsed: Duration::ZERO,
                stats: *Sender::new(SenderConfig::default(), []).stats(),
                refused: 0,
                dropped: 0,
                delays: SegmentDelays::new(0),
            },
        }
    }
}

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The file could not be read as it was offered.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A segment is larger than what the way to the receiver takes in one packet.
    #[error(
        "segments of {segment_bytes} bytes don't fit the network to {receiver}, which takes {max_segment_bytes}; choose smaller ones"
    )]
    SegmentTooLarge {
        /// What was asked for.
        segment_bytes: SegmentBytes,
        /// The largest that fits.
        max_segment_bytes: usize,
        /// The receiver's address.
        receiver: SocketAddr,
    },
    /// No way leads to the receiver.
    #[error("no network leads to {receiver}: {source}")]
    NoRoute {
        /// The receiver's address.
        receiver: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The receiver stopped answering.
    #[error("{receiver} does not answer any more; its program has ended, or a firewall drops UDP")]
    ReceiverLost {
        /// The receiver's address.
        receiver: SocketAddr,
    },
    /// Its owner cancelled it.
    #[error("cancelled")]
    Cancelled,
    /// A segment could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The socket or a thread failed.
    #[error("sending failed: {0}")]
    Io(#[from] io::Error),
}

/// Sends a file on a thread of its own, and returns when the receiver has acknowledged its last segment. A file of no bytes
/// needs no segment.
///
/// Must run within a tokio runtime. Dropping the future ends the transfer.
///
/// # Errors
/// [`SendFailure`], with what was spent until then.
pub async fn send_file(
    endpoint: UdpEndpoint,
    request: SendRequest,
    control: &Control,
) -> Result<SendOutcome, SendFailure> {
    match own_thread::run(control, |control| send(endpoint, request, control)).await {
        Ok(sent) => sent,
        Err(error) => Err(SendFailure::before_the_first_segment(error)),
    }
}

async fn send(
    endpoint: UdpEndpoint,
    request: SendRequest,
    control: Control,
) -> Result<SendOutcome, SendFailure> {
    let receiver = request.receiver;
    let mut receivers = Receivers::new(request.stream);
    receivers.insert(
        request.receiver_number,
        &request.ack_key,
        request.first_segment,
        request.free_segments,
        control.progress.clone(),
    );
    let job = Job {
        source: request.source,
        stream: request.stream,
        stream_key: request.stream_key,
        segment_bytes: request.segment_bytes,
        to: receiver,
        first_segment: request.first_segment,
        with_hash: request.with_hash,
        config: request.config,
    };
    let endpoint = endpoint
        .moved_here()
        .map_err(SendFailure::before_the_first_segment)?;
    let fits = check_route(receiver, request.segment_bytes);
    let mut driver = Driver::new(&endpoint, job, receivers, &control, None);
    let ended = match fits {
        Ok(()) => driver.run().await,
        Err(error) => Err(error),
    };
    let totals = driver.totals();
    match ended {
        Ok(()) => Ok(SendOutcome {
            hash: driver.hash(),
            totals,
        }),
        Err(error) => Err(SendFailure { error, totals }),
    }
}

/// Fails where a full segment would not fit one packet: every one of them would be refused.
fn check_route(receiver: SocketAddr, segment_bytes: SegmentBytes) -> Result<(), SendError> {
    let route = Route::to(receiver).map_err(|source| SendError::NoRoute { receiver, source })?;
    let excess_bytes = segment_bytes
        .datagram_bytes()
        .saturating_sub(route.max_datagram_bytes());
    if excess_bytes > 0 {
        return Err(SendError::SegmentTooLarge {
            segment_bytes,
            max_segment_bytes: usize::from(segment_bytes.value()).saturating_sub(excess_bytes),
            receiver,
        });
    }
    Ok(())
}
