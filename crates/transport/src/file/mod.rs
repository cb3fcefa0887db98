//! A file over UDP: a Go-Back-N stream from one sender to one receiver, or to a group.
//!
//! ```text
//! file -> read, hashed, sealed -> segments of the window -> gbn::Sender -> UDP
//! UDP -> opened in place -> gbn::Receiver -> hashed, written -> .part -> hash matches -> name
//! ```
//!
//! What the two sides agree on beforehand, and the hash afterwards, travels over the sealed TCP path and is the
//! caller's: [`send_file`] and [`send_to_group`] end with the hash to be told, [`receive_file`] waits to be told it. Each
//! takes one socket (a receiver in a group two) and a thread of its own, which does all of the above: what it reads it seals
//! and sends, what it receives it opens and writes, before it leaves the processor's cache. They need a window of segments
//! and a few MiB, whatever the file's size.

mod control;
mod own_thread;
mod receive;
mod send;
mod slowness;
mod source;
mod timer;
mod trace;

pub use control::{Control, Progress, Streams};
pub use receive::{
    GroupMembership, PartFile, PartFileError, ReceiveError, ReceiveLimits, ReceiveOptions,
    ReceiveOutcome, ReceiveRequest, SenderWord, receive_file,
};
pub use send::{
    GroupEnd, GroupMembers, GroupReceiver, GroupRequest, MoveCause, SendError, SendFailure,
    SendOutcome, SendRequest, SendTotals, send_file, send_to_group,
};
pub use source::{SourceError, SourceFile};
pub use trace::{TraceEvent, TraceKind, TraceReceiver, TraceSink, trace_channel};

use backroom_gbn::Ack;
use backroom_protocol::segment;

/// An ACK as it travels.
fn wire_ack(ack: Ack) -> segment::Ack {
    let Ack {
        cumulative,
        accepted_round,
        gap_round,
        free_segments,
    } = ack;
    segment::Ack {
        cumulative,
        accepted_round,
        gap_round,
        free_segments,
    }
}

/// An ACK as Go-Back-N takes it.
fn gbn_ack(ack: segment::Ack) -> Ack {
    let segment::Ack {
        cumulative,
        accepted_round,
        gap_round,
        free_segments,
    } = ack;
    Ack {
        cumulative,
        accepted_round,
        gap_round,
        free_segments,
    }
}
