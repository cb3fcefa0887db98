//! The sender's counters and measurements.

use std::time::Duration;

use super::rto::Rto;

/// The counters of a [`Sender`](crate::Sender), in segments and ACKs, and its measurements of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderStats {
    /// Distinct segments sent.
    pub segments: u64,
    /// Segments put on the wire, copies included: the sum of `segments`, `segments_retransmitted` and `segments_copied`.
    pub segments_sent: u64,
    /// Segments sent again after a go-back, each counted once regardless of copies.
    pub segments_retransmitted: u64,
    /// Copies beyond the first, of new and of retransmitted segments.
    pub segments_copied: u64,
    /// Expiries of the retransmission timer with segments outstanding and space at the receivers.
    pub timeouts: u64,
    /// Go-backs, at timeouts and at gaps.
    pub go_backs: u64,
    /// Zero-window probes: expiries of the timer because a receiver had no space.
    pub window_probes: u64,
    /// ACKs from live receivers.
    pub acks: u64,
    /// ACKs from unknown receivers, or for segments never sent.
    pub acks_refused: u64,
    /// Smoothed round-trip time (RFC 6298), once measured.
    pub srtt: Option<Duration>,
    /// Round-trip time variation (RFC 6298), once measured.
    pub rttvar: Option<Duration>,
    /// The minimum round-trip time measured.
    pub min_rtt: Option<Duration>,
    /// The current retransmission timeout, back-off included.
    pub rto: Duration,
}

impl SenderStats {
    pub(super) fn record_rto(&mut self, rto: &Rto) {
        self.rto = rto.current();
        self.srtt = rto.rtt.map(|rtt| rtt.smoothed);
        self.rttvar = rto.rtt.map(|rtt| rtt.variation);
        self.min_rtt = rto.rtt.map(|rtt| rtt.min);
    }
}
