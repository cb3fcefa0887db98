//! The settings of a client's transfers that do not change while it runs.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use backroom_transport::file::ReceiveLimits;

use crate::tracer::Tracer;

/// What is accepted, and how segments travel.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The folder for received files.
    pub download_dir: PathBuf,
    /// The number of files that may be received at the same time.
    pub max_incoming: usize,
    /// The largest file, and the disk space that must stay free.
    pub receive: ReceiveLimits,
    /// Whether the kernel gets many datagrams in one call.
    pub gso: bool,
    /// The interface for IP multicast. Without one, each receiver is served alone.
    pub interface: Option<Ipv4Addr>,
    /// Records every step, if that was asked for.
    pub trace: Option<Tracer>,
}
