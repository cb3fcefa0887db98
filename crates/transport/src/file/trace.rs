//! Every step of a transfer as an event, for the textbook's space-time diagrams.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use backroom_gbn::{Ack, GoBackCause, Received, Transmit};
use backroom_protocol::segment::StreamId;
use tokio::sync::mpsc;

/// One step of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceEvent {
    /// Time since the UNIX epoch. Never goes backwards within one sink.
    pub at: Duration,
    /// The stream that the step belongs to.
    pub stream: StreamId,
    /// The step.
    pub kind: TraceKind,
}

/// What a sender or a receiver did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceKind {
    /// Sender: handed a run of segments to the kernel, each once. Further copies are runs of their own.
    Transmit(Transmit),
    /// Sender: the kernel refused segments. They count as lost.
    Refused {
        /// The number of segments.
        count: usize,
    },
    /// Sender: received an ACK.
    AckReceived(Ack),
    /// Sender: went back.
    GoBack {
        /// The segment to send next.
        to: u64,
        /// The reason.
        cause: GoBackCause,
    },
    /// Receiver: received a segment.
    Segment {
        /// Its sequence number.
        seq: u64,
        /// The round it was sent in.
        round: u16,
        /// How the receiver treated it.
        received: Received,
    },
    /// Receiver: sent an ACK.
    AckSent(Ack),
    /// Both: dropped a datagram that is not authentic or does not fit the file.
    Dropped,
}

/// Records events without blocking, and counts those that find no room. Clones share the channel and the count.
#[derive(Debug, Clone)]
pub struct TraceSink {
    events: mpsc::Sender<TraceEvent>,
    started: Instant,
    started_at: Duration,
    dropped: Arc<AtomicU64>,
}

/// Receives the events of a [`TraceSink`].
#[derive(Debug)]
pub struct TraceReceiver {
    events: mpsc::Receiver<TraceEvent>,
    dropped: Arc<AtomicU64>,
}

/// A sink with room for `capacity` events that have not been received yet.
pub fn trace_channel(capacity: usize) -> (TraceSink, TraceReceiver) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    let dropped = Arc::new(AtomicU64::new(0));
    let sink = TraceSink {
        events: sender,
        started: Instant::now(),
        started_at: SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
        dropped: Arc::clone(&dropped),
    };
    let receiver = TraceReceiver {
        events: receiver,
        dropped,
    };
    (sink, receiver)
}

impl TraceSink {
    fn record(&self, now: Instant, stream: StreamId, kind: TraceKind) {
        let at = self.started_at + now.saturating_duration_since(self.started);
        let event = TraceEvent { at, stream, kind };
        if self.events.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Records the steps of one stream, if anyone wants them.
#[derive(Debug)]
pub(super) struct StreamTrace {
    pub(super) sink: Option<TraceSink>,
    pub(super) stream: StreamId,
}

impl StreamTrace {
    pub(super) fn record(&self, now: Instant, kind: TraceKind) {
        if let Some(sink) = &self.sink {
            sink.record(now, self.stream, kind);
        }
    }
}

impl TraceReceiver {
    /// The next event, or `None` once every sink was dropped. Cancel-safe.
    pub async fn receive(&mut self) -> Option<TraceEvent> {
        self.events.recv().await
    }

    /// The number of events that found no room.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
