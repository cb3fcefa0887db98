//! The account of a file sent.

use backroom_gbn::{Copies, Recovery, WindowSetting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cast::Cast;
use crate::delivery::{DeliveryPath, ObservedDelivery};

/// The sender's account of a transfer. Counts are sums over all streams; a segment sent to a group counts once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TransferAccount {
    /// The sending client's number for the transfer.
    pub id: u64,
    /// How the file was addressed.
    pub cast: Cast,
    /// Name of the file.
    pub file: String,
    /// Size of the file.
    pub bytes: u64,
    /// From the first segment of the first stream to the last ACK of the last stream.
    pub seconds: f64,
    /// Size of the file in 10^6 bits, divided by the seconds of the slowest receiver that got it; 0 if none did.
    pub goodput_mbps: f64,
    /// The window, in segments, or `auto`.
    #[serde(with = "crate::setting::window")]
    #[schemars(with = "crate::setting::Window")]
    pub window: WindowSetting,
    /// Segments of the file: what one receiver needs.
    pub segments: u64,
    /// Segments sent, retransmissions and copies included.
    pub segments_sent: u64,
    /// Segments sent that had been sent before.
    pub segments_retransmitted: u64,
    /// Additional copies sent, of new segments and of retransmissions.
    pub segments_copied: u64,
    /// Retransmission timers that expired.
    pub timeouts: u64,
    /// Times that a sender went back.
    pub go_backs: u64,
    /// Smoothed round-trip time at the end (RFC 6298): the mean over the streams that measured one.
    pub srtt_ms: Option<f64>,
    /// Least round-trip time of all streams.
    pub min_rtt_ms: Option<f64>,
    /// How long segments took to be acknowledged; absent if none was.
    pub segment_delay_ms: Option<SegmentDelay>,
    /// How the file was delivered in the end.
    pub delivery: ObservedDelivery,
    /// What made the sender go back.
    #[serde(with = "crate::setting::Recovery")]
    pub recovery: Recovery,
    /// How often each segment was put on the wire.
    #[serde(with = "crate::setting::copies")]
    #[schemars(with = "u8")]
    pub copies: Copies,
    /// Payload of each segment but the last.
    pub segment_bytes: u16,
    /// The result of each receiver, in the order of the `sending` event.
    pub receivers: Vec<ReceiverResult>,
}

/// Quantiles of the time from a segment's first transmission to the ACK that covers it, in a group that of the last
/// receiver: in milliseconds, to three significant figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentDelay {
    /// The shortest.
    pub min: f64,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// The outcome for one receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiverResult {
    /// The receiver.
    pub name: String,
    /// Whether the receiver has the whole file under its final name.
    pub ok: bool,
    /// From the first segment to the last ACK; absent if no segment was sent.
    pub seconds: Option<f64>,
    /// The streams by which the segments went; absent if no segment was sent.
    pub delivery: Option<DeliveryPath>,
    /// Why the receiver does not have the file, if `ok` is false.
    pub error: Option<String>,
}
