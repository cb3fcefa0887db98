//! What is to be received, and how that ended.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use backroom_gbn::{DEFAULT_MAX_STALL, ReceiverStats};
use backroom_protocol::Key;
use backroom_protocol::segment::{SealError, SegmentBytes, StreamId};

use super::group::GroupMembership;
use super::part::PartFile;
use super::part_error::PartFileError;
use super::writer;

/// Buffer size and time limit.
#[derive(Debug, Clone, Copy)]
pub struct ReceiveOptions {
    /// Space for what was received and is not yet written, in bytes. The sender never sends more than that beyond what was
    /// acknowledged, so it limits the window.
    pub buffer_bytes: usize,
    /// How long the transfer may make no progress: before the first segment, between two that are written, and between the last
    /// one and [`SenderMessage::Finished`]. [`SenderMessage::Wait`] starts the time anew.
    pub max_stall: Duration,
}

impl Default for ReceiveOptions {
    /// 2.5 MiB and 30 s.
    fn default() -> Self {
        Self {
            buffer_bytes: 5 << 19,
            max_stall: DEFAULT_MAX_STALL,
        }
    }
}

impl ReceiveOptions {
    /// The buffer in segments, which the receiver announces when it accepts.
    pub fn free_segments(&self, segment_bytes: SegmentBytes) -> u32 {
        let segments = self.buffer_bytes / usize::from(segment_bytes.value());
        u32::try_from(segments)
            .unwrap_or(u32::MAX)
            .max(writer::MIN_FREE_SEGMENTS)
    }
}

/// A message from the sender that arrives on another path than the segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderMessage {
    /// Segments follow later, once other receivers have been served.
    Wait,
    /// The stream to this receiver alone comes from this address.
    Address(SocketAddr),
    /// The sender knows that everything has arrived. With the file's BLAKE3 hash, if one is made.
    Finished(Option<[u8; 32]>),
}

/// A file that was offered and is about to be accepted.
#[derive(Debug)]
pub struct ReceiveRequest {
    /// The file to write.
    pub part: PartFile,
    /// The stream to this receiver alone.
    pub stream: StreamId,
    /// The key that the stream's segments are sealed with.
    pub stream_key: Key,
    /// The payload of a segment.
    pub segment_bytes: SegmentBytes,
    /// The file's size, in bytes.
    pub bytes: u64,
    /// This receiver's number in the transfer, which its ACKs carry.
    pub receiver_number: u16,
    /// The key that ACKs are sealed with. It must never be used for another transfer.
    pub ack_key: Key,
    /// Where the stream to this receiver alone comes from, if that is known yet. The receiver sends there first, so that a firewall
    /// lets the sender's datagrams in.
    pub sender: Option<SocketAddr>,
    /// The group that segments may come from first.
    pub group: Option<GroupMembership>,
    /// Whether to hash the file and compare. Necessary if a group's stream was offered: other receivers know its key.
    pub with_hash: bool,
    /// Buffer size and time limit.
    pub options: ReceiveOptions,
}

/// A file that was received completely, under its final name.
#[derive(Debug, Clone)]
pub struct ReceiveOutcome {
    /// Its path.
    pub path: PathBuf,
    /// From the first segment to the last byte, without the wait for the hash and the disk.
    pub elapsed: Duration,
    /// Segments and ACKs.
    pub stats: ReceiverStats,
    /// Datagrams that did not belong to the stream.
    pub dropped: u64,
}

/// Why a file was not received. The `.part` file has been removed.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// It could not be written or renamed.
    #[error(transparent)]
    File(#[from] PartFileError),
    /// The hash differs from the sender's.
    #[error("the received file differs from the sender's; ask for it again")]
    WrongHash,
    /// The sender was silent for too long, or left.
    #[error("the sender stopped sending; either its program has ended or a firewall drops UDP")]
    SenderLost,
    /// Segments arrived, but not the next one.
    #[error(
        "the file makes no progress: segments arrive, but not the next one; perhaps the network drops large packets"
    )]
    Stalled,
    /// The caller cancelled the transfer.
    #[error("cancelled")]
    Cancelled,
    /// An ACK could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The socket or a thread failed.
    #[error("receiving failed: {0}")]
    Io(#[from] io::Error),
}
