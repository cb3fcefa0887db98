//! Sending a file once for many: one stream to an IP multicast group.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use backroom_gbn::SenderConfig;
use backroom_protocol::Key;
use backroom_protocol::TransferId;
use backroom_protocol::segment::{ACK_BYTES, GROUP_LANE, ProbeSealer, SegmentBytes, Stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::driver::{Driver, Job};
use super::receivers::{Receiver, Receivers};
use super::{Control, SendError, SendFailure, SendTotals, SourceFile, check_route};
use crate::file::timer::now;
use crate::file::{Progress, own_thread};
use crate::udp::UdpEndpoint;

/// How often a probe is sent to those that did not answer one yet, and how long each waits: half a second in all, a
/// round trip of which is more than any local network has, so often that loss hides nobody.
const PROBES: u32 = 20;
const PROBE_INTERVAL: Duration = Duration::from_millis(25);

/// A member of the group that does not answer for so many timeouts, and so long, is moved. The others wait no longer.
const MAX_TIMEOUTS: u32 = 5;
const MIN_SILENCE: Duration = Duration::from_millis(300);

/// A file and the group it goes to, after the receivers have accepted it.
#[derive(Debug)]
pub struct GroupRequest {
    /// The file.
    pub source: SourceFile,
    /// The transfer.
    pub transfer: TransferId,
    /// The key of the group's stream, that all receivers have. Never used for another stream.
    pub stream_key: Key,
    /// The payload of a segment.
    pub segment_bytes: SegmentBytes,
    /// Where the segments go.
    pub group: SocketAddr,
    /// Those who accepted.
    pub receivers: Vec<GroupReceiver>,
    /// With fewer receivers that hear the group, nobody is served by it.
    pub least_receivers: usize,
    /// Window, recovery and timer.
    pub config: SenderConfig,
}

/// A receiver that may hear the group.
#[derive(Debug)]
pub struct GroupReceiver {
    /// Its number in the transfer, which its ACKs carry.
    pub number: u16,
    /// Where it would be sent to alone.
    pub address: SocketAddr,
    /// The key that it seals its ACKs with.
    pub ack_key: Key,
    /// The space it has to begin with.
    pub free_segments: u32,
    /// How far it is.
    pub progress: Progress,
}

/// How it ended for one receiver, which happens once for each that was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupEnd {
    /// It has every segment.
    Finished {
        /// BLAKE3 of the bytes that were sent, for the receiver.
        hash: [u8; 32],
        /// From the first transmission to its last ACK.
        elapsed: Duration,
    },
    /// The group does not serve it any more: what is missing has to go to it alone.
    Moved {
        /// Why.
        cause: MoveCause,
        /// The first segment that it lacks, as far as it said.
        first_segment: u64,
        /// The space that it had from there on, in segments.
        free_segments: u32,
        /// Since the first transmission.
        elapsed: Duration,
    },
}

/// Why a receiver is not served by the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveCause {
    /// It answered no probe, or not enough others did.
    Deaf,
    /// It stopped answering.
    Silent,
    /// The others waited too much for it.
    Slow,
}

/// The owner's ends of a group under way.
#[derive(Debug)]
pub struct GroupMembers {
    /// Told how it ended for each receiver. Needs room for all of them.
    pub ends: mpsc::Sender<(u16, GroupEnd)>,
    /// Receivers that want no more.
    pub removed: mpsc::Receiver<u16>,
}

/// Sends a file to those of a group who hear it, on a thread of its own, and returns when none of them is left to be
/// served. What became of each is told as it happens.
///
/// Must run within a tokio runtime. Dropping the future ends the transfer.
///
/// # Errors
/// [`SendFailure`], with what was spent until then; for all receivers that no end was told of.
pub async fn send_to_group(
    endpoint: UdpEndpoint,
    request: GroupRequest,
    control: &Control,
    members: GroupMembers,
) -> Result<SendTotals, SendFailure> {
    match own_thread::run(control, |control| send(endpoint, request, control, members)).await {
        Ok(sent) => sent,
        Err(error) => Err(SendFailure::before_the_first_segment(error)),
    }
}

async fn send(
    endpoint: UdpEndpoint,
    request: GroupRequest,
    control: Control,
    members: GroupMembers,
) -> Result<SendTotals, SendFailure> {
    let endpoint = endpoint
        .moved_here()
        .map_err(SendFailure::before_the_first_segment)?;
    let job = Job {
        source: request.source,
        stream: Stream {
            transfer: request.transfer,
            lane: GROUP_LANE,
        },
        stream_key: request.stream_key,
        segment_bytes: request.segment_bytes,
        to: request.group,
        first_segment: 0,
        with_hash: true,
        config: SenderConfig {
            max_timeouts: MAX_TIMEOUTS,
            min_silence: MIN_SILENCE,
            ..request.config
        },
    };
    let mut receivers = Receivers::new(job.stream);
    let mut deaf = Vec::new();
    for receiver in request.receivers {
        let GroupReceiver {
            number,
            address,
            ack_key,
            free_segments,
            progress,
        } = receiver;
        match check_route(address, job.segment_bytes) {
            Ok(()) => receivers.insert(number, &ack_key, 0, free_segments, progress),
            // Alone, it is told why.
            Err(_) => deaf.push((number, free_segments)),
        }
    }
    let probed = probe(&endpoint, &job, &mut receivers, &control.cancel).await;
    let hearing = receivers.all().iter().filter(|one| one.heard.is_some());
    let too_few = hearing.count() < request.least_receivers;
    let unserved = |one: &&Receiver| too_few || one.heard.is_none();
    let unserved: Vec<_> = receivers.all().iter().filter(unserved).collect();
    let unserved: Vec<_> = unserved
        .iter()
        .map(|one| (one.id, one.free_segments))
        .collect();
    for (id, free_segments) in unserved {
        receivers.remove(id);
        deaf.push((id.0, free_segments));
    }
    if probed.is_ok() {
        tell_deaf(&members, deaf).await;
    }
    let mut driver = Driver::new(&endpoint, job, receivers, &control, Some(members));
    let ended = match probed {
        Ok(()) => driver.run().await,
        Err(error) => Err(error),
    };
    let totals = driver.totals();
    match ended {
        Ok(()) => Ok(totals),
        Err(error) => Err(SendFailure { error, totals }),
    }
}

/// Tells the owner which receivers, and with which space, the group does not serve.
async fn tell_deaf(members: &GroupMembers, deaf: Vec<(u16, u32)>) {
    for (number, free_segments) in deaf {
        let end = GroupEnd::Moved {
            cause: MoveCause::Deaf,
            first_segment: 0,
            free_segments,
            elapsed: Duration::ZERO,
        };
        // An owner that does not listen has given up.
        let _ = members.ends.send((number, end)).await;
    }
}

/// Asks the receivers whether they hear the group, until all have answered or it is enough.
async fn probe(
    endpoint: &UdpEndpoint,
    job: &Job,
    receivers: &mut Receivers,
    cancel: &CancellationToken,
) -> Result<(), SendError> {
    let mut sealer = ProbeSealer::new(job.stream, &job.stream_key);
    let mut buffers = endpoint.receive_buffers(ACK_BYTES, 1);
    endpoint.writable().await?;
    for _ in 0..PROBES {
        if all_heard(receivers) {
            return Ok(());
        }
        let probe = sealer.seal()?;
        // What the socket has no room for is lost, as on the network.
        let _ = endpoint.try_send(job.to, None, &probe, probe.len());
        let next_probe = now() + PROBE_INTERVAL;
        while !all_heard(receivers) {
            tokio::select! {
                () = cancel.cancelled() => return Err(SendError::Cancelled),
                () = tokio::time::sleep_until(next_probe.into()) => break,
                ready = endpoint.readable() => ready?,
            }
            match endpoint.try_receive(&mut buffers) {
                Ok(()) => {
                    let now: Instant = now();
                    for datagram in buffers.datagrams() {
                        receivers.open(datagram.contents, now);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn all_heard(receivers: &Receivers) -> bool {
    receivers.all().iter().all(|one| one.heard.is_some())
}
