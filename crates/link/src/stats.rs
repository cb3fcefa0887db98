//! The counters of a link.

/// The counters of a [`Link`](crate::Link). Packets that are still in flight count as delivered.
///
/// `offered + duplicated = delivered + dropped_by_loss + dropped_by_queue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkStats {
    /// Packets passed to [`Link::send`](crate::Link::send).
    pub offered: u64,
    /// Packets delivered, copies included.
    pub delivered: u64,
    /// Packets dropped by the loss model.
    pub dropped_by_loss: u64,
    /// Packets, copies included, dropped because the queue was full.
    pub dropped_by_queue: u64,
    /// Copies made, whether or not they fit into the queue.
    pub duplicated: u64,
    /// Packets that skipped the delay.
    pub reordered: u64,
    /// Bytes passed to [`Link::send`](crate::Link::send).
    pub bytes_offered: u64,
    /// Bytes delivered, copies included.
    pub bytes_delivered: u64,
    /// The total transmission time of the accepted packets.
    pub busy_ns: u64,
    /// The total time that delivered packets waited in the queue.
    pub queueing_ns: u64,
    /// The longest time that one packet waited in the queue.
    pub queueing_max_ns: u64,
}

impl LinkStats {
    /// The rate in bits per second while the transmitter was busy. `None` if transmission takes no time.
    pub fn rate_measured(&self) -> Option<f64> {
        (self.busy_ns > 0).then(|| self.bytes_delivered as f64 * 8e9 / self.busy_ns as f64)
    }
}
