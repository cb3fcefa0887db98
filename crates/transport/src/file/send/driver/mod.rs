//! The sender's loop: what was read and sealed, and what the receiver acknowledged, turned into batches for the kernel.

mod acks;
mod transmit;
mod unsent;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use backroom_gbn::{
    ReceiverId, SegmentDelays, Sender, SenderConfig, SenderEvent, StragglerDetector, WindowSetting,
};
use backroom_protocol::Key;
use backroom_protocol::segment::{ACK_BYTES, SegmentBytes, SegmentSealer, Stream};
use tokio_util::sync::CancellationToken;

use self::unsent::Unsent;
use super::group::{GroupEnd, GroupMembers, MoveCause};
use super::reader::{Read, Reader};
use super::receivers::Receivers;
use super::store::{Layout, SegmentStore};
use super::{Control, SendError, SendTotals, SourceFile};
use crate::file::TraceKind;
use crate::file::control::CountedStream;
use crate::file::timer::{Timer, now};
use crate::udp::{ReceiveBuffers, UdpEndpoint};

/// Batches handed to the kernel before ACKs are looked at again, and other tasks get their turn.
const BATCHES_PER_TURN: usize = 2;

/// Trains of ACKs taken in one call.
const ACK_BUFFERS: usize = 4;

/// What is kept for a window that finds itself, however much space a receiver claims: as much as one has by default.
const MAX_AUTO_BYTES: usize = 5 << 19;

/// What is to be sent, and where.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) source: SourceFile,
    pub(super) stream: Stream,
    pub(super) stream_key: Key,
    pub(super) segment_bytes: SegmentBytes,
    /// A receiver, or a group of them.
    pub(super) to: SocketAddr,
    /// What comes before it is with the receivers already.
    pub(super) first_segment: u64,
    /// Whether the receivers need the file's hash.
    pub(super) with_hash: bool,
    pub(super) config: SenderConfig,
}

/// One stream on its way.
pub(super) struct Driver<'a> {
    endpoint: &'a UdpEndpoint,
    control: &'a Control,
    job: Job,
    layout: Layout,
    gbn: Sender,
    store: SegmentStore,
    receivers: Receivers,
    ack_buffers: ReceiveBuffers,
    /// Of a group, its owner's ends.
    members: Option<GroupMembers>,
    patience: StragglerDetector,
    delays: SegmentDelays,
    /// Those that are served no more, and why; without a cause they have everything.
    departed: Vec<(ReceiverId, Option<MoveCause>)>,
    /// What the socket had no room for.
    blocked: Option<Unsent>,
    /// The segment after the last run: where the next one most likely begins.
    run_end: u64,
    first_transmit: Option<Instant>,
    last_ack: Option<Instant>,
    refused: u64,
    dropped: u64,
    finished: bool,
    hash: Option<[u8; 32]>,
    /// Its place among those that share a link.
    _counted: CountedStream,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        endpoint: &'a UdpEndpoint,
        job: Job,
        receivers: Receivers,
        control: &'a Control,
        members: Option<GroupMembers>,
    ) -> Self {
        let layout = Layout::new(job.source.bytes(), job.segment_bytes);
        let ids = receivers.all().iter().map(|receiver| receiver.id);
        let mut gbn = Sender::starting_at(job.first_segment, job.config, ids);
        for receiver in receivers.all() {
            gbn.set_free_segments(receiver.id, receiver.free_segments);
        }
        Self {
            endpoint,
            control,
            layout,
            gbn,
            store: SegmentStore::new(layout, job.first_segment),
            receivers,
            ack_buffers: endpoint.receive_buffers(ACK_BYTES, ACK_BUFFERS),
            members,
            patience: StragglerDetector::default(),
            delays: SegmentDelays::new(job.first_segment),
            departed: Vec::new(),
            blocked: None,
            run_end: job.first_segment,
            first_transmit: None,
            last_ack: None,
            refused: 0,
            dropped: 0,
            finished: false,
            hash: None,
            _counted: control.streams.enter(),
            job,
        }
    }

    /// Runs until nobody is left to be served.
    pub(super) async fn run(&mut self) -> Result<(), SendError> {
        if self.receivers.all().is_empty() {
            return Ok(());
        }
        let mut reader = self.reader();
        let mut timer = Timer::new();
        let cancel: CancellationToken = self.control.cancel.clone();
        loop {
            let busy = self.turn(&mut reader)?;
            self.tell_departed(&reader).await?;
            if cancel.is_cancelled() {
                return Err(SendError::Cancelled);
            }
            if self.finished {
                return Ok(());
            }
            if busy {
                tokio::task::yield_now().await;
                continue;
            }
            let deadline = self.deadline();
            tokio::select! {
                () = cancel.cancelled() => return Err(SendError::Cancelled),
                ready = self.endpoint.readable() => ready?,
                ready = self.endpoint.writable(), if self.blocked.is_some() => ready?,
                id = next_removed(&mut self.members) => {
                    self.receivers.remove(id);
                    self.gbn.remove_receiver(id);
                }
                // Whoever still has nothing to send waits for the disk.
                ready = reader.ready(), if self.is_starved() => ready?,
                () = timer.wait(deadline) => {}
            }
        }
    }

    fn reader(&self) -> Reader {
        let Job {
            source,
            stream,
            stream_key,
            first_segment,
            with_hash,
            ..
        } = &self.job;
        let sealer = SegmentSealer::new(*stream, stream_key);
        Reader::new(
            source.clone(),
            *with_hash,
            self.layout,
            *first_segment,
            sealer,
        )
    }

    /// Whether all that was read has been sent, and more may be kept until it is acknowledged.
    fn is_starved(&self) -> bool {
        let end = self.store.end();
        let kept = end.saturating_sub(self.gbn.base());
        end < self.layout.segments && end <= self.gbn.next_seq_num() && kept < self.max_kept()
    }

    /// How many segments may be read that are not acknowledged: the window, and some that are at hand when it moves.
    fn max_kept(&self) -> u64 {
        let window = match self.job.config.window {
            WindowSetting::Fixed(window) => window.segments().into(),
            WindowSetting::Auto => MAX_AUTO_BYTES / self.job.segment_bytes.datagram_bytes(),
        };
        (window + self.layout.segments_per_batch) as u64
    }

    /// The hash of the file, where one is made, once a receiver has all of it.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        self.hash
    }

    /// What it took so far.
    pub(super) fn totals(&self) -> SendTotals {
        let elapsed = match (self.first_transmit, self.last_ack) {
            (Some(first), Some(last)) => last.saturating_duration_since(first),
            _ => Duration::ZERO,
        };
        SendTotals {
            bytes: self.layout.bytes_below(self.gbn.base()),
            elapsed,
            stats: *self.gbn.stats(),
            refused: self.refused,
            dropped: self.dropped,
            delays: self.delays.clone(),
        }
    }

    /// Does what can be done without waiting, up to a bound. True where there may be more.
    fn turn(&mut self, reader: &mut Reader) -> Result<bool, SendError> {
        let mut read = false;
        if self.is_starved() {
            match reader.read()? {
                Read::Batch(batch) => {
                    self.store.push(batch);
                    read = true;
                }
                Read::Skipped => read = true,
                Read::Pending => {}
            }
        }
        self.gbn.set_sharing(self.control.streams.count());
        self.gbn.make_available(self.store.end());
        if self.store.end() == self.layout.segments {
            self.gbn.finish();
        }
        let mut acknowledged = self.take_acks()?;
        let now = now();
        if self.gbn.poll_timeout().is_some_and(|at| at <= now) {
            acknowledged |= self.take_late_acks();
        }
        self.gbn.handle_timeout(now);
        self.handle_events(now, reader);
        let more = self.transmit(now)?;
        let fewer = self.lose_patience(now);
        Ok(read || acknowledged || more || fewer)
    }

    fn handle_events(&mut self, now: Instant, reader: &mut Reader) {
        while let Some(event) = self.gbn.poll_event() {
            match event {
                SenderEvent::BaseAdvanced { base } => {
                    self.delays.handle_base(base, now);
                    while let Some(batch) = self.store.pop_below(base) {
                        reader.recycle(batch);
                    }
                }
                SenderEvent::GoBack { to, cause } => {
                    self.blocked = None;
                    trace(
                        self.control,
                        self.job.stream,
                        now,
                        TraceKind::GoBack { to, cause },
                    );
                }
                SenderEvent::ReceiverLost { receiver } => {
                    self.departed.push((receiver, Some(MoveCause::Silent)));
                }
                SenderEvent::ReceiverFinished { receiver } => self.departed.push((receiver, None)),
                SenderEvent::Finished => self.finished = true,
            }
        }
    }

    /// When something is to be done though nothing arrives.
    fn deadline(&self) -> Option<Instant> {
        let lost_patience = self
            .members
            .as_ref()
            .and_then(|_| self.patience.poll_timeout(&self.gbn));
        let timeout = self.gbn.poll_timeout();
        timeout.into_iter().chain(lost_patience).min()
    }

    /// Serves a group without the one that it waits too much for. True where there was one.
    fn lose_patience(&mut self, now: Instant) -> bool {
        let slow = match self.members {
            Some(_) => self.patience.observe(now, &self.gbn),
            None => None,
        };
        if let Some(id) = slow {
            self.gbn.remove_receiver(id);
            self.departed.push((id, Some(MoveCause::Slow)));
        }
        slow.is_some()
    }

    /// Tells the owner of a group what became of those that are served no more.
    async fn tell_departed(&mut self, reader: &Reader) -> Result<(), SendError> {
        for (id, cause) in std::mem::take(&mut self.departed) {
            if cause.is_none() && self.hash.is_none() {
                self.hash = reader.hash();
            }
            let Some(members) = &self.members else {
                if cause.is_some() {
                    return Err(SendError::ReceiverLost {
                        receiver: self.job.to,
                    });
                }
                continue;
            };
            let Some(receiver) = self.receivers.remove(id) else {
                continue;
            };
            let elapsed = match (self.first_transmit, receiver.heard) {
                (Some(first), Some(heard)) => heard.saturating_duration_since(first),
                _ => Duration::ZERO,
            };
            let end = match (cause, self.hash) {
                (None, Some(hash)) => GroupEnd::Finished { hash, elapsed },
                (cause, _) => GroupEnd::Moved {
                    cause: cause.unwrap_or(MoveCause::Silent),
                    first_segment: receiver.cumulative.min(self.layout.segments),
                    free_segments: receiver.free_segments,
                    elapsed,
                },
            };
            // An owner that does not listen has given up.
            let _ = members.ends.send((id.0, end)).await;
        }
        Ok(())
    }
}

fn trace(control: &Control, stream: Stream, now: Instant, kind: TraceKind) {
    if let Some(sink) = &control.trace {
        sink.record(now, stream, kind);
    }
}

/// The next receiver that its owner takes out of a group.
async fn next_removed(members: &mut Option<GroupMembers>) -> ReceiverId {
    if let Some(members) = members
        && let Some(number) = members.removed.recv().await
    {
        return ReceiverId(number);
    }
    std::future::pending().await
}
