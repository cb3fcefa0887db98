//! Receiving a file.

mod driver;
mod group;
mod part;
mod pieces;
mod writer;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use backroom_gbn::ReceiverStats;
use backroom_protocol::Key;
use backroom_protocol::segment::{SealError, SegmentBytes, Stream};
use tokio::sync::mpsc;

use self::driver::Driver;
use super::Control;
use crate::file::own_thread;
use crate::udp::UdpEndpoint;

pub use group::GroupMembership;
pub use part::{PartFile, PartFileError, ReceiveLimits};

/// How much is buffered and how long is waited.
#[derive(Debug, Clone, Copy)]
pub struct ReceiveOptions {
    /// Room for what is received and not yet written, in bytes. The sender is never allowed more than that beyond
    /// what was acknowledged, so a window larger than this is not used to the full.
    pub buffer_bytes: usize,
    /// How long the sender may be silent before it is taken for gone: before its first segment, between two, and
    /// between the last one and its word that this was all. Its word to wait counts.
    pub idle_time: Duration,
}

impl Default for ReceiveOptions {
    /// 2.5 MiB and 30 s.
    fn default() -> Self {
        Self {
            buffer_bytes: 5 << 19,
            idle_time: Duration::from_secs(30),
        }
    }
}

impl ReceiveOptions {
    /// The buffer in segments: what to tell the sender when accepting.
    pub fn free_segments(&self, segment_bytes: SegmentBytes) -> u32 {
        let segments = self.buffer_bytes / usize::from(segment_bytes.value());
        u32::try_from(segments)
            .unwrap_or(u32::MAX)
            .max(writer::MIN_FREE_SEGMENTS)
    }
}

/// What a sender says beside its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderWord {
    /// Segments come later, when others have been served: its silence is no end.
    Wait,
    /// It knows that all has arrived. With the file's BLAKE3 hash, where one is made.
    Finished(Option<[u8; 32]>),
}

/// A file that was offered and is about to be accepted.
#[derive(Debug)]
pub struct ReceiveRequest {
    /// The file it becomes.
    pub part: PartFile,
    /// The stream to this receiver alone.
    pub stream: Stream,
    /// The key that its segments are sealed with.
    pub stream_key: Key,
    /// The payload of a segment.
    pub segment_bytes: SegmentBytes,
    /// The file's size, in bytes.
    pub bytes: u64,
    /// This receiver's number in the transfer, which its ACKs carry.
    pub receiver_number: u16,
    /// The key that ACKs are sealed with. Never used for another transfer.
    pub ack_key: Key,
    /// Where segments may come first.
    pub group: Option<GroupMembership>,
    /// Whether the file is hashed: where a group's stream was offered, whose key others have too.
    pub with_hash: bool,
    /// What the sender says meanwhile. Its end is the sender's.
    pub words: mpsc::Receiver<SenderWord>,
    /// Buffer and patience.
    pub options: ReceiveOptions,
}

/// A file that has its name.
#[derive(Debug, Clone)]
pub struct ReceiveOutcome {
    /// Where it stands.
    pub path: PathBuf,
    /// From the first segment to the last byte; the hash and the disk are waited for after that.
    pub elapsed: Duration,
    /// Segments and ACKs.
    pub stats: ReceiverStats,
    /// Datagrams that were none of this stream.
    pub dropped: u64,
}

/// Why a file was not received. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// It could not be written, or not be given a name.
    #[error(transparent)]
    File(#[from] PartFileError),
    /// What arrived is not what the sender read.
    #[error("what arrived differs from what was sent; ask for the file again")]
    WrongHash,
    /// The sender went silent or away.
    #[error("the sender stopped sending; its program has ended, or a firewall drops UDP")]
    SenderLost,
    /// Its owner cancelled it.
    #[error("cancelled")]
    Cancelled,
    /// An ACK could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The socket or a thread failed.
    #[error("receiving failed: {0}")]
    Io(#[from] io::Error),
}

/// Receives a file on a thread of its own, from a group until a stream of its own begins, checks it against the sender's
/// hash where there is one, and gives it its name.
///
/// Until the sender says that it has finished, it is answered: the ACKs of the last segments may have been lost. Must run
/// within a tokio runtime. Dropping the future ends the transfer, and what was received is removed.
///
/// # Errors
/// [`ReceiveError`]
pub async fn receive_file(
    endpoint: UdpEndpoint,
    request: ReceiveRequest,
    control: &Control,
) -> Result<ReceiveOutcome, ReceiveError> {
    own_thread::run(control, |control| receive(endpoint, request, control)).await?
}

async fn receive(
    endpoint: UdpEndpoint,
    mut request: ReceiveRequest,
    control: Control,
) -> Result<ReceiveOutcome, ReceiveError> {
    let endpoint = endpoint.moved_here()?;
    if let Some(group) = request.group.take() {
        request.group = Some(GroupMembership {
            endpoint: group.endpoint.moved_here()?,
            ..group
        });
    }
    Driver::new(&endpoint, request, &control)?.run().await
}
