//! How sending ended.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use backroom_gbn::{SegmentDelays, Sender, SenderConfig, SenderStats};
use backroom_protocol::segment::{SealError, SegmentBytes};

use crate::file::source::SourceError;

/// A file whose last segment the receiver has acknowledged.
#[derive(Debug, Clone)]
pub struct SendOutcome {
    /// BLAKE3 of the file, if the request asked for it.
    pub hash: Option<[u8; 32]>,
    /// What it took.
    pub totals: SendTotals,
}

/// What a stream took, whether it succeeded or not.
#[derive(Debug, Clone)]
pub struct SendTotals {
    /// Bytes of the file that were acknowledged.
    pub bytes: u64,
    /// From the first transmission to the last ACK.
    pub elapsed: Duration,
    /// Segments, go-backs, timeouts and round trips.
    pub stats: SenderStats,
    /// Segments that the kernel refused to send. They count as lost.
    pub refused: u64,
    /// Datagrams that arrived and were not a new ACK of this stream.
    pub dropped: u64,
    /// How long segments took to be acknowledged.
    pub delays: SegmentDelays,
}

/// A file that did not arrive, and what was spent on it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct SendFailure {
    /// The reason.
    #[source]
    pub error: SendError,
    /// What it took until then.
    pub totals: Box<SendTotals>,
}

impl SendTotals {
    /// Nothing was sent.
    pub(super) fn zero() -> Self {
        Self {
            bytes: 0,
            elapsed: Duration::ZERO,
            stats: *Sender::new(SenderConfig::default(), []).stats(),
            refused: 0,
            dropped: 0,
            delays: SegmentDelays::new(0),
        }
    }
}

/// A failure before anything was sent.
impl<E: Into<SendError>> From<E> for SendFailure {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            totals: Box::new(SendTotals::zero()),
        }
    }
}

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The file could not be read as it was offered.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A segment does not fit one packet on the network to the receiver.
    #[error(
        "segments of {segment_bytes} bytes do not fit the network to {receiver}; choose {max_segment_bytes} bytes or fewer"
    )]
    SegmentTooLarge {
        /// The requested payload of a segment.
        segment_bytes: SegmentBytes,
        /// The largest payload that fits.
        max_segment_bytes: usize,
        /// The receiver's address.
        receiver: SocketAddr,
    },
    /// The system has no route to the receiver.
    #[error("no route to {0}: {1}")]
    NoRoute(SocketAddr, #[source] io::Error),
    /// The receiver sent ACKs, but acknowledged nothing new.
    #[error(
        "{0} answers, but the file makes no progress; perhaps the network drops large packets: choose a smaller segment"
    )]
    Stalled(SocketAddr),
    /// The receiver stopped sending ACKs.
    #[error("{0} no longer responds; either its program has ended or a firewall drops UDP")]
    ReceiverLost(SocketAddr),
    /// The caller cancelled the transfer.
    #[error("cancelled")]
    Cancelled,
    /// A segment could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The socket or a thread failed.
    #[error("sending failed: {0}")]
    Io(#[from] io::Error),
}
