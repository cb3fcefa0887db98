//! Every step of a transfer as an event: what the textbook's space-time diagram is drawn from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use backroom_gbn::{Ack, GoBackCause, Received};
use backroom_protocol::segment::Stream;
use tokio::sync::mpsc;

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceEvent {
    /// When, since the UNIX epoch. Never goes backwards within one sink.
    pub at: Duration,
    /// The stream it belongs to.
    pub stream: Stream,
    /// What happened.
    pub kind: TraceKind,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceKind {
    /// Sender: a run of segments was handed to the kernel, each once. Further copies are runs of their own.
    Transmit {
        /// The first one's sequence number.
        first: u64,
        /// How many.
        count: usize,
        /// Their round.
        round: u16,
        /// Whether they had been sent before.
        retransmission: bool,
    },
    /// Sender: the kernel refused segments, which counts as lost.
    Refused {
        /// How many.
        count: usize,
    },
    /// Sender: an ACK arrived.
    AckReceived(Ack),
    /// Sender: it goes back.
    GoBack {
        /// The segment it starts again from.
        to: u64,
        /// Why.
        cause: GoBackCause,
    },
    /// Receiver: a segment arrived.
    Segment {
        /// Its sequence number.
        seq: u64,
        /// The round it was sent in.
        round: u16,
        /// What became of it.
        received: Received,
    },
    /// Receiver: an ACK was sent.
    AckSent(Ack),
    /// Either: a datagram did not open and was dropped.
    Dropped,
}

/// Takes events without ever waiting; those that find no room are counted. Clones share channel and count.
#[derive(Debug, Clone)]
pub struct TraceSink {
    events: mpsc::Sender<TraceEvent>,
    started: Instant,
    started_at: Duration,
    dropped: Arc<AtomicU64>,
}

/// The other end of a [`TraceSink`].
#[derive(Debug)]
pub struct TraceReceiver {
    events: mpsc::Receiver<TraceEvent>,
    dropped: Arc<AtomicU64>,
}

/// A sink with room for `capacity` events that nobody has received yet.
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
    pub(super) fn record(&self, now: Instant, stream: Stream, kind: TraceKind) {
        let at = self.started_at + now.saturating_duration_since(self.started);
        if self
            .events
            .try_send(TraceEvent { at, stream, kind })
            .is_err()
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl TraceReceiver {
    /// The next event, or `None` once every sink is gone. Cancel-safe.
    pub async fn receive(&mut self) -> Option<TraceEvent> {
        self.events.recv().await
    }

    /// How many events found no room.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
