//! One outgoing stream: reads and seals the file, transmits what Go-Back-N wants sent, and takes the ACKs.
//!
//! It knows nothing of the difference between one receiver and a group. A driver calls [`SendStream::turn`] until there is nothing
//! to do, reacts to the departures, and waits.

mod acks;
mod transmit;
mod unsent;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use backroom_gbn::{
    Copies, LossCause, ReceiverId, SegmentDelays, Sender, SenderConfig, SenderEvent, WindowSetting,
};
use backroom_protocol::Key;
use backroom_protocol::segment::{ACK_BYTES, SegmentBytes, SegmentSealer, StreamId};
use rustix::event::PollFlags;

use self::unsent::Unsent;
use super::path::Path;
use super::reader::{Read, Reader};
use super::receivers::{ReceiverState, Receivers};
use super::result::{SendError, SendTotals};
use super::store::SegmentStore;
use crate::file::control::{Control, StreamCount, StreamCountGuard};
use crate::file::layout::Layout;
use crate::file::source::SourceFile;
use crate::file::thread::Inbox;
use crate::file::trace::{StreamTrace, TraceKind};
use crate::file::waker::Waker;
use crate::udp::{ReceiveBuffers, UdpEndpoint};

/// Trains of ACKs taken in one call.
const ACK_BUFFERS: usize = 4;

/// The most that is kept for an automatic window, whatever space a receiver claims to have: as much as a receiver has by default.
const MAX_AUTO_BYTES: usize = 5 << 19;

/// What is to be sent, and where.
#[derive(Debug)]
pub(super) struct StreamSpec {
    pub(super) source: SourceFile,
    pub(super) stream: StreamId,
    pub(super) stream_key: Key,
    pub(super) segment_bytes: SegmentBytes,
    /// The address of a receiver or a group.
    pub(super) to: SocketAddr,
    /// The receivers have everything before it.
    pub(super) first_segment: u64,
    /// Whether the receivers need the file's hash.
    pub(super) with_hash: bool,
    pub(super) config: SenderConfig,
    /// Proves the address of a single receiver. A group's address needs no proof.
    pub(super) path: Option<Path>,
}

/// A receiver that is no longer served.
#[derive(Debug)]
pub(super) struct Departure {
    pub(super) receiver: ReceiverState,
    /// What was seen of it before it was lost. `None` if it has every segment.
    pub(super) lost: Option<LossCause>,
}

pub(super) struct SendStream {
    endpoint: UdpEndpoint,
    to: SocketAddr,
    path: Option<Path>,
    copies: Copies,
    pub(super) layout: Layout,
    pub(super) gbn: Sender,
    reader: Reader,
    store: SegmentStore,
    /// How many segments may be kept that are not acknowledged.
    max_kept: u64,
    receivers: Receivers,
    ack_buffers: ReceiveBuffers,
    /// Receivers that have finished or stopped responding, for the driver to take.
    pub(super) departures: VecDeque<Departure>,
    /// What the socket buffer had no room for.
    blocked: Option<Unsent>,
    /// The segment after the last run, where the next run most likely begins.
    run_end: u64,
    delays: SegmentDelays,
    first_transmit: Option<Instant>,
    last_ack: Option<Instant>,
    refused: u64,
    dropped: u64,
    trace: StreamTrace,
    stream_count: StreamCount,
    _counted: StreamCountGuard,
}

impl SendStream {
    /// A stream to `receivers`. `waker` ends the thread's wait once a slow disk has been read from.
    pub(super) fn new(
        endpoint: UdpEndpoint,
        spec: StreamSpec,
        receivers: Receivers,
        control: Control,
        waker: &Waker,
    ) -> Self {
        let layout = Layout::new(spec.source.bytes(), spec.segment_bytes);
        let ids = receivers.all.iter().map(|receiver| receiver.id);
        let mut gbn = Sender::starting_at(spec.first_segment, spec.config, ids);
        for receiver in &receivers.all {
            gbn.set_free_segments(receiver.id, receiver.free_segments);
        }
        let sealer = SegmentSealer::new(spec.stream, &spec.stream_key);
        Self {
            to: spec.to,
            path: spec.path,
            copies: spec.config.copies,
            layout,
            gbn,
            max_kept: max_kept(spec.config.window, &layout),
            reader: Reader::new(
                spec.source,
                spec.with_hash,
                layout,
                spec.first_segment,
                sealer,
                waker.clone(),
            ),
            store: SegmentStore::new(layout, spec.first_segment),
            receivers,
            ack_buffers: endpoint.receive_buffers(ACK_BYTES, ACK_BUFFERS),
            endpoint,
            departures: VecDeque::new(),
            blocked: None,
            run_end: spec.first_segment,
            delays: SegmentDelays::new(spec.first_segment),
            first_transmit: None,
            last_ack: None,
            refused: 0,
            dropped: 0,
            trace: StreamTrace {
                sink: control.trace,
                stream: spec.stream,
            },
            _counted: control.streams.enter(),
            stream_count: control.streams,
        }
    }

    /// Does a bounded amount of work without waiting. True if there may be more to do.
    pub(super) fn turn(&mut self) -> Result<bool, SendError> {
        self.gbn.set_sharing(self.stream_count.get());
        self.gbn.make_available(self.store.end);
        if self.store.end == self.layout.segments {
            self.gbn.finish();
        }
        // ACKs come before the timer: those that arrived while this thread waited for the processor are not late.
        let more_acks = self.take_acks()?;
        let now = Instant::now();
        // An empty file needs no segment, and so no proof.
        if self.layout.segments > 0 && !self.prove_path(now)? {
            return Ok(more_acks);
        }
        self.gbn.handle_timeout(now);
        self.handle_events(now);
        let more_to_send = self.transmit(now);
        // Only what is sent next is read, so that it is still in the processor's cache then.
        let has_read = self.is_starved() && self.read()?;
        Ok(more_acks || more_to_send || has_read)
    }

    /// Sends probes that are due. False as long as the receiver's address is not proven.
    fn prove_path(&mut self, now: Instant) -> Result<bool, SendError> {
        let Some(path) = &mut self.path else {
            return Ok(true);
        };
        while let Some((to, probe)) = path.poll_probe(now)? {
            // One that does not fit the socket buffer is lost, as it might be on the network.
            self.endpoint.try_send(to, None, &probe, probe.len());
        }
        self.to = path.address();
        Ok(path.is_proven())
    }

    /// When the next call of [`turn`](Self::turn) has something to do, if nothing arrives before.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let probe = self.path.as_ref().and_then(Path::poll_timeout);
        self.gbn.poll_timeout().into_iter().chain(probe).min()
    }

    /// Whether nothing may be sent yet.
    pub(super) fn waits_for_proof(&self) -> bool {
        self.path.as_ref().is_some_and(|path| !path.is_proven())
    }

    /// Reads and seals the next batch. False if a slow disk has not delivered it yet.
    fn read(&mut self) -> Result<bool, SendError> {
        match self.reader.read()? {
            Read::Batch(batch) => self.store.push(batch),
            Read::Skipped => {}
            Read::Pending => return Ok(false),
        }
        Ok(true)
    }

    fn handle_events(&mut self, now: Instant) {
        while let Some(event) = self.gbn.poll_event() {
            match event {
                SenderEvent::BaseAdvanced { base } => {
                    self.delays.handle_base(base, now);
                    while let Some(batch) = self.store.pop_below(base) {
                        self.reader.recycle(batch);
                    }
                }
                SenderEvent::GoBack { to, cause } => {
                    // It is part of what is sent again.
                    self.blocked = None;
                    self.trace.record(now, TraceKind::GoBack { to, cause });
                }
                SenderEvent::ReceiverLost { receiver, cause } => {
                    self.end_serving(receiver, Some(cause));
                }
                SenderEvent::ReceiverFinished { receiver } => self.end_serving(receiver, None),
                // `is_finished` tells as well.
                SenderEvent::Finished => {}
            }
        }
    }

    fn end_serving(&mut self, id: ReceiverId, lost: Option<LossCause>) {
        let receiver = self.receivers.remove(id);
        self.departures
            .extend(receiver.map(|receiver| Departure { receiver, lost }));
    }

    /// Whether all that was read has been sent, and more may be kept until it is acknowledged.
    fn is_starved(&self) -> bool {
        let end = self.store.end;
        let kept = end.saturating_sub(self.gbn.base());
        end < self.layout.segments && end <= self.gbn.next_seq_num() && kept < self.max_kept
    }

    /// Blocks until there may be something to do, or `deadline`.
    pub(super) fn wait<M>(&self, inbox: &Inbox<M>, deadline: Option<Instant>) -> io::Result<()> {
        let flags = match self.blocked {
            Some(_) => PollFlags::IN | PollFlags::OUT,
            None => PollFlags::IN,
        };
        inbox.wait(&[(&self.endpoint, flags)], deadline)
    }

    /// Stops serving a receiver. `None` if it was not served.
    pub(super) fn remove_receiver(&mut self, id: ReceiverId) -> Option<ReceiverState> {
        self.gbn.remove_receiver(id);
        self.receivers.remove(id)
    }

    /// The hash of the file, if one is made. Complete once a receiver has finished.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        self.reader.hash()
    }

    /// From the first transmission to an ACK.
    pub(super) fn elapsed(&self, ack: Option<Instant>) -> Duration {
        match (self.first_transmit, ack) {
            (Some(first), Some(ack)) => ack.saturating_duration_since(first),
            _ => Duration::ZERO,
        }
    }

    pub(super) fn totals(&self) -> SendTotals {
        SendTotals {
            bytes: self.layout.bytes_below(self.gbn.base()),
            elapsed: self.elapsed(self.last_ack),
            stats: *self.gbn.stats(),
            refused: self.refused,
            dropped: self.dropped,
            delays: self.delays.clone(),
        }
    }
}

/// The window, and a batch that is at hand when the window moves.
fn max_kept(window: WindowSetting, layout: &Layout) -> u64 {
    let window = match window {
        WindowSetting::Fixed(window) => window.segments().into(),
        WindowSetting::Auto => MAX_AUTO_BYTES / layout.segment_bytes.datagram_bytes(),
    };
    (window + layout.segments_per_batch) as u64
}
