//! Sending a file once for many receivers: one stream to an IP multicast group.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use backroom_gbn::{ReceiverId, SenderConfig, Silence, StragglerDetector};
use backroom_protocol::segment::{GROUP_LANE, SegmentBytes, StreamId};
use backroom_protocol::{Key, TransferId};
use tokio::sync::mpsc;

use super::probe::probe;
use super::receivers::{ReceiverState, Receivers};
use super::result::{SendError, SendFailure, SendTotals};
use super::route::check_route;
use super::stream::{SendStream, StreamSpec};
use crate::file::control::{Control, Progress};
use crate::file::source::SourceFile;
use crate::file::thread::{self, Inbox};
use crate::udp::UdpEndpoint;

/// A receiver that does not answer for this many timeouts, and for this long, is moved. The limits are lower than those of a
/// receiver served alone, because the rest of the group waits.
const MAX_SILENCE: Silence = Silence {
    timeouts: 5,
    min_time: Duration::from_millis(300),
};

/// A file, and the group of receivers that have accepted it.
#[derive(Debug)]
pub struct GroupRequest {
    /// The file.
    pub source: SourceFile,
    /// The transfer.
    pub transfer: TransferId,
    /// The key of the group's stream, which all receivers have. It must never be used for another stream.
    pub stream_key: Key,
    /// The payload of a segment.
    pub segment_bytes: SegmentBytes,
    /// The group's address and port.
    pub group: SocketAddr,
    /// The receivers that accepted.
    pub receivers: Vec<GroupReceiver>,
    /// If the group reaches fewer receivers, none is served by it.
    pub min_receivers: usize,
    /// Window, recovery and timer.
    pub config: SenderConfig,
}

/// A receiver that has accepted, and may be reached by the group.
#[derive(Debug)]
pub struct GroupReceiver {
    /// Its number in the transfer, which its ACKs carry.
    pub number: u16,
    /// Its own address, used if it has to be served alone.
    pub address: SocketAddr,
    /// The key that it seals its ACKs with.
    pub ack_key: Key,
    /// The space that it has at the beginning, in segments.
    pub free_segments: u32,
    /// How much of the file it has.
    pub progress: Progress,
}

/// How the group's stream ended for one receiver. Each receiver that the caller did not remove gets exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupEnd {
    /// It has every segment.
    Finished {
        /// BLAKE3 of the bytes that were sent.
        hash: [u8; 32],
        /// From the first transmission to its last ACK.
        elapsed: Duration,
    },
    /// The group no longer serves it: the rest has to be sent to it alone.
    Moved {
        /// The reason.
        cause: MoveCause,
        /// The first segment that it lacks, according to its last ACK.
        first_segment: u64,
        /// Its space from there on, in segments.
        free_segments: u32,
        /// From the first transmission to its last ACK.
        elapsed: Duration,
    },
}

/// Why the group does not serve a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveCause {
    /// Multicast does not reach it, or does not reach enough others.
    Unreachable,
    /// It stopped responding.
    Unresponsive,
    /// The others waited for it too much of the time.
    Slow,
}

/// The channels between a group's stream and its caller.
#[derive(Debug)]
pub struct GroupChannels {
    /// Receives each receiver's number and end. Needs capacity for all of them.
    pub ends: mpsc::Sender<(u16, GroupEnd)>,
    /// The numbers of receivers that no longer want the file.
    pub removed: mpsc::Receiver<u16>,
}

/// Sends a file to the receivers that the group reaches, on a thread of its own. Reports each receiver's end as it happens, and
/// returns when no receiver is left to serve.
///
/// Must run within a tokio runtime. Dropping the future cancels the transfer.
///
/// # Errors
/// [`SendFailure`], with what was spent until then. It applies to all receivers without a reported end.
pub async fn send_to_group(
    endpoint: UdpEndpoint,
    request: GroupRequest,
    control: &Control,
    channels: GroupChannels,
) -> Result<SendTotals, SendFailure> {
    let GroupChannels { ends, removed } = channels;
    let transfer = |control, inbox| send(endpoint, request, control, inbox, EndReporter(ends));
    thread::run(control, removed, transfer).await?
}

fn send(
    endpoint: UdpEndpoint,
    request: GroupRequest,
    control: Control,
    mut inbox: Inbox<u16>,
    ends: EndReporter,
) -> Result<SendTotals, SendFailure> {
    let source = request.source;
    let spec = StreamSpec {
        source: source.clone(),
        stream: StreamId {
            transfer: request.transfer,
            lane: GROUP_LANE,
        },
        stream_key: request.stream_key,
        segment_bytes: request.segment_bytes,
        to: request.group,
        first_segment: 0,
        with_hash: true,
        config: SenderConfig {
            max_silence: Some(MAX_SILENCE),
            ..request.config
        },
        path: None,
    };
    let (accepted, min_receivers) = (request.receivers, request.min_receivers);
    let receivers = reachable_receivers(&endpoint, &spec, accepted, min_receivers, &inbox, &ends)?;
    if receivers.all.is_empty() {
        return Ok(SendTotals::zero());
    }
    let mut stream = SendStream::new(endpoint, spec, receivers, control, &inbox.waker);
    let served = serve(&mut stream, &source, &mut inbox, &ends);
    let totals = stream.totals();
    match served {
        Ok(()) => Ok(totals),
        Err(error) => Err(SendFailure {
            error,
            totals: Box::new(totals),
        }),
    }
}

/// Probes the group. Reports the end of receivers that it does not reach, or of all if it reaches fewer than `min_receivers`.
fn reachable_receivers(
    endpoint: &UdpEndpoint,
    spec: &StreamSpec,
    receivers: Vec<GroupReceiver>,
    min_receivers: usize,
    inbox: &Inbox<u16>,
    ends: &EndReporter,
) -> Result<Receivers, SendError> {
    let mut states = Receivers::new(spec.stream);
    for receiver in receivers {
        // A segment that is too large for its network is reported when it is served alone.
        if check_route(receiver.address, spec.segment_bytes).is_err() {
            ends.unreachable(receiver.number, receiver.free_segments);
            continue;
        }
        states.insert(
            receiver.number,
            &receiver.ack_key,
            0,
            receiver.free_segments,
            receiver.progress,
        );
    }
    probe(endpoint, spec, &mut states, inbox)?;
    let reached = states.all.iter().filter(|one| one.last_ack.is_some());
    let too_few = reached.count() < min_receivers;
    let is_removed = |one: &mut ReceiverState| too_few || one.last_ack.is_none();
    for receiver in states.all.extract_if(.., is_removed) {
        ends.unreachable(receiver.id.0, receiver.free_segments);
    }
    Ok(states)
}

/// Sends until no receiver is left.
fn serve(
    stream: &mut SendStream,
    source: &SourceFile,
    inbox: &mut Inbox<u16>,
    ends: &EndReporter,
) -> Result<(), SendError> {
    let mut stragglers = StragglerDetector::default();
    loop {
        let mut has_more_work = stream.turn()?;
        while let Some(departure) = stream.departures.pop_front() {
            let cause = departure.lost.map(|_| MoveCause::Unresponsive);
            if departure.lost.is_none() {
                source.check_not_replaced()?;
            }
            ends.departed(stream, &departure.receiver, cause);
        }
        let straggler = stragglers.observe(Instant::now(), &stream.gbn);
        if let Some(straggler) = straggler.and_then(|id| stream.remove_receiver(id)) {
            ends.departed(stream, &straggler, Some(MoveCause::Slow));
            has_more_work = true;
        }
        while let Ok(number) = inbox.messages.try_recv() {
            stream.remove_receiver(ReceiverId(number));
            has_more_work = true;
        }
        if inbox.cancel.is_cancelled() {
            return Err(SendError::Cancelled);
        }
        if stream.gbn.is_finished() {
            return Ok(());
        }
        if !has_more_work {
            let straggler_check = stragglers.poll_timeout(&stream.gbn);
            let timer = stream.gbn.poll_timeout();
            stream.wait(inbox, timer.into_iter().chain(straggler_check).min())?;
        }
    }
}

/// Reports the receivers' ends to the caller.
struct EndReporter(mpsc::Sender<(u16, GroupEnd)>);

impl EndReporter {
    fn unreachable(&self, number: u16, free_segments: u32) {
        self.report(
            number,
            GroupEnd::Moved {
                cause: MoveCause::Unreachable,
                first_segment: 0,
                free_segments,
                elapsed: Duration::ZERO,
            },
        );
    }

    /// Without a cause the receiver has every segment.
    fn departed(&self, stream: &SendStream, receiver: &ReceiverState, cause: Option<MoveCause>) {
        let elapsed = stream.elapsed(receiver.last_ack);
        let end = match (cause, stream.hash()) {
            (None, Some(hash)) => GroupEnd::Finished { hash, elapsed },
            (cause, _) => GroupEnd::Moved {
                cause: cause.unwrap_or(MoveCause::Unresponsive),
                first_segment: receiver.cumulative.min(stream.layout.segments),
                free_segments: receiver.free_segments,
                elapsed,
            },
        };
        self.report(receiver.id.0, end);
    }

    fn report(&self, number: u16, end: GroupEnd) {
        let Self(ends) = self;
        // It has capacity for all receivers; a caller that has dropped it needs no report.
        let _ = ends.try_send((number, end));
    }
}
