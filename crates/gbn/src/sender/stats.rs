//! What a sender has counted and measured.

use std::time::Duration;

use super::rto::Rto;

/// What a [`Sender`](crate::Sender) has counted, in segments and ACKs, and measured of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderStats {
    /// Distinct segments sent.
    pub segments: u64,
    /// Segments put on the wire, each copy counted each time: the sum of `segments`, `segments_retransmitted` and
    /// `segments_copied`.
    pub segments_sent: u64,
    /// Segments sent again because the sender went back, each once however many copies went.
    pub segments_retransmitted: u64,
    /// Copies beyond the first, of new segments and of those sent again.
    pub segments_copied: u64,
    /// How often the retransmission timer fired with segments outstanding and space at the receivers.
    pub timeouts: u64,
    /// How often it went back: at timeouts and at gaps.
    pub go_backs: u64,
    /// How often the timer fired because a receiver had no space, and asked it again.
    pub window_probes: u64,
    /// ACKs taken, from live receivers.
    pub acks: u64,
    /// ACKs refused: from nobody that is served, or for segments never sent.
    pub acks_refused: u64,
    /// Smoothed round-trip time (RFC 6298), once measured.
    pub srtt: Option<Duration>,
    /// Round-trip time variation (RFC 6298), once measured.
    pub rttvar: Option<Duration>,
    /// The least round-trip time measured.
    pub min_rtt: Option<Duration>,
    /// The retransmission timeout of now, back-off included.
    pub rto: Duration,
}

impl SenderStats {
    pub(super) fn new(rto: Duration) -> Self {
        Self {
            segments: 0,
            segments_sent: 0,
            segments_retransmitted: 0,
            segments_copied: 0,
            timeouts: 0,
            go_backs: 0,
            window_probes: 0,
            acks: 0,
            acks_refused: 0,
            srtt: None,
            rttvar: None,
            min_rtt: None,
            rto,
        }
    }

    pub(super) fn note(&mut self, rto: &Rto) {
        self.rto = rto.current();
        self.srtt = rto.rtt().map(|rtt| rtt.smoothed);
        self.rttvar = rto.rtt().map(|rtt| rtt.variation);
        self.min_rtt = rto.rtt().map(|rtt| rtt.least);
    }
}
