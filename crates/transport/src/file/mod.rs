//! A file over UDP: a Go-Back-N stream from one sender to one receiver, or to a group.
//!
//! ```text
//! file -> read, hashed, sealed -> segments of the window -> gbn::Sender -> UDP
//! UDP -> opened in place -> gbn::Receiver -> hashed, written -> .part -> hash matches -> name
//! ```
//!
//! What both sides agree on before the transfer, and the hash after it, travels over the sealed TCP path and is the caller's
//! task: [`send_file`] and [`send_to_group`] return the hash, [`receive_file`] expects it as a message.
//!
//! Each transfer takes one socket (a receiver in a group takes two) and has a thread, which does all of the above: what it reads
//! it seals and sends, what it receives it opens and writes, before it leaves the processor's cache. A disk that does not keep
//! up gets a second thread, so that ACKs do not wait for it. A transfer needs memory for a window of segments and a few MiB,
//! whatever the file's size.

mod control;
mod layout;
mod receive;
mod send;
mod slow_disk;
mod source;
mod thread;
mod trace;
mod version;

use crate::waker;

pub use control::{Control, Progress, StreamCount};
pub use receive::{
    DownloadFolder, GroupMembership, PartFile, PartFileError, ReceiveError, ReceiveLimits,
    ReceiveOptions, ReceiveOutcome, ReceiveRequest, SenderMessage, receive_file,
};
pub use send::{
    GroupChannels, GroupEnd, GroupReceiver, GroupRequest, MoveCause, SendError, SendFailure,
    SendOutcome, SendRequest, SendTotals, send_file, send_to_group,
};
pub use source::{SourceError, SourceFile};
pub use trace::{TraceEvent, TraceKind, TraceReceiver, TraceSink, trace_channel};
