//! What a link has done.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a [`Link`](crate::Link) has counted.
///
/// `offered + duplicated = delivered + dropped_by_loss + dropped_by_queue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LinkStats {
    /// Packets offered.
    pub offered: u64,
    /// Packets delivered, copies included.
    pub delivered: u64,
    /// Packets lost by the loss model.
    pub dropped_by_loss: u64,
    /// Packets, copies included, that found the queue full.
    pub dropped_by_queue: u64,
    /// Copies made.
    pub duplicated: u64,
    /// Packets that skipped the delay.
    pub reordered: u64,
    /// Bytes offered.
    pub bytes_offered: u64,
    /// Bytes delivered, copies included.
    pub bytes_delivered: u64,
    /// How long the transmitter was busy with what it has accepted.
    pub busy_ns: u64,
    /// How long the packets delivered waited for their transmission, in sum.
    pub queueing_ns: u64,
    /// The longest that one waited.
    pub queueing_max_ns: u64,
}

impl LinkStats {
    /// The fraction of the offered packets that the loss model took.
    pub fn loss_measured(&self) -> f64 {
        if self.offered == 0 {
            0.0
        } else {
            self.dropped_by_loss as f64 / self.offered as f64
        }
    }

    /// Bits per second while the transmitter was busy; `None` where transmission takes no time.
    pub fn rate_measured(&self) -> Option<f64> {
        (self.busy_ns > 0).then(|| self.bytes_delivered as f64 * 8e9 / self.busy_ns as f64)
    }

    /// How long a delivered packet waited for its transmission, on average.
    pub fn queueing_mean(&self) -> Duration {
        Duration::from_nanos(self.queueing_ns.checked_div(self.delivered).unwrap_or(0))
    }
}
