//! Measurements of a run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a runner measured in one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// Seconds from the first segment's transmission to the last receiver's last ACK. `None` if the transfer did not
    /// complete.
    pub seconds: Option<f64>,
    /// Segments of the file, counted once for each stream.
    pub segments: u64,
    /// Data segments sent by all streams, retransmissions and copies included.
    pub segments_sent: u64,
    /// Retransmissions, each counted once regardless of its copies.
    pub segments_retransmitted: u64,
    /// Additional copies in `segments_sent`.
    pub segments_copied: u64,
    /// Expiries of the retransmission timers.
    pub timeouts: u64,
    /// Times that a sender went back to an earlier segment, for any reason.
    pub go_backs: u64,
    /// Least round-trip time that any sender measured, in milliseconds.
    pub rtt_measured_ms: Option<f64>,
    /// What the links counted.
    pub network: Option<NetworkMeasurement>,
    /// Time from a segment's first transmission to its acknowledgement.
    pub segment_delay: Option<DelayQuantiles>,
    /// Why the run failed. `None` if every receiver has the file.
    pub failure: Option<String>,
    /// Why the machine may have been the bottleneck, not the network. `None` if there is no sign of it.
    pub overload: Option<String>,
    /// A note that the run's seed does not decide what the network lost. `None` if it does.
    pub unseeded: Option<String>,
}

/// Counts of all links that the run's packets crossed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkMeasurement {
    /// Packets offered to the links that decide on loss.
    pub packets: u64,
    /// Packets in `packets` that the loss model dropped.
    pub packets_lost: u64,
    /// Packets dropped because a link's queue was full.
    pub queue_drops: u64,
    /// Packets dropped because a member's receive buffer was full.
    pub receive_drops: u64,
    /// Round trip of the bare network, in milliseconds.
    pub rtt_ms: Option<f64>,
    /// Rate of the busiest link while its queue was not empty, in 10^6 bit/s. `None` if the queue was never occupied
    /// long enough to measure it.
    pub rate_mbps: Option<f64>,
}

impl NetworkMeasurement {
    /// The fraction of packets lost; `None` if none was sent.
    pub fn loss(self) -> Option<f64> {
        (self.packets > 0).then(|| self.packets_lost as f64 / self.packets as f64)
    }
}

/// Quantiles of the delay of a run's segments, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelayQuantiles {
    /// Minimum.
    pub min_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Maximum.
    pub max_ms: f64,
}

/// A time in milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
