//! What all transfers of a client share.

use std::net::Ipv4Addr;

use backroom_transport::file::{Control, DownloadFolder, StreamCount};
use backroom_transport::udp::UdpOptions;
use backroom_vocabulary::trace::Begin;

use super::active::ActiveTransfers;
use super::cancellation::Cancellation;
use super::channel::EventSender;
use crate::tracer::Tracer;

/// The settings that do not change while the client runs.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where files go, and how much space they may take.
    pub(crate) downloads: DownloadFolder,
    /// The number of files that may be received at the same time.
    pub(crate) max_incoming: usize,
    pub(crate) udp: UdpOptions,
    /// The interface for IP multicast. Without one, each receiver is served alone.
    pub(crate) interface: Option<Ipv4Addr>,
    /// Records every step, if that was asked for.
    pub(crate) trace: Option<Tracer>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) active: ActiveTransfers,
    /// Counts the streams of all files, because they share a link.
    pub(super) streams: StreamCount,
    pub(super) events: EventSender,
}

impl Shared {
    /// Controls and records a stream of a transfer.
    pub(super) fn control(&self, cancellation: &Cancellation, begin: Begin) -> Control {
        let trace = self.config.trace.as_ref();
        Control {
            cancel: cancellation.child_token(),
            streams: self.streams.clone(),
            trace: trace.and_then(|tracer| tracer.begin(begin)),
            ..Control::default()
        }
    }
}
