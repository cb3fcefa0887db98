//! What all transfers of a client share.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use backroom_transport::file::{Control, DownloadFolder, StreamCount};
use backroom_transport::udp::{Ports, UdpOptions};
use backroom_vocabulary::trace::Begin;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::active::ActiveTransfers;
use super::cancellation::Cancellation;
use super::channel::EventSender;
use crate::tracer::Tracer;

/// How often the other side is told to wait, for its turn or for the answer to its offer. It gives up after three times as long
/// without a message.
pub(super) const WAIT_MESSAGE_INTERVAL: Duration = Duration::from_secs(10);

/// The settings that do not change while the client runs.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where files go, and how much space they may take.
    pub(crate) downloads: DownloadFolder,
    /// The number of files that may be received at the same time.
    pub(crate) max_incoming: usize,
    /// The number of files that may be sent at the same time, and the number of their unicast streams.
    pub(crate) max_outgoing: usize,
    /// How long an incoming file may make no progress.
    pub(crate) max_stall: Duration,
    pub(crate) udp: UdpOptions,
    /// Where streams get their ports from.
    pub(crate) ports: Ports,
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
    /// The unicast streams of all outgoing files take turns.
    pub(super) turns: Arc<Semaphore>,
    /// The places for files that are received at the same time.
    pub(super) places: Arc<Semaphore>,
    /// Cancelled when no more files are accepted.
    pub(super) closing: CancellationToken,
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
