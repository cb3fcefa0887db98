//! The record of a run: a row of `runs.csv`.

use backroom_sim::{Axis, Cell, Measurement};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::Display;

use crate::plan::Run;
use crate::runner::{ClockName, RunnerKind, RunnerName, ShaperName};

/// A run: its settings, its measurements and their assessment.
///
/// The fields are columns of `runs.csv` in this order; the columns of `cell` are those of the table of axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// Name of the scenario.
    pub scenario: String,
    /// The runner that carried out the run.
    pub runner: RunnerName,
    /// The shaper of the network.
    pub shaper: ShaperName,
    /// The settings of the run.
    #[serde(skip)]
    #[schemars(skip)]
    pub cell: Cell,
    /// Seed of the run.
    pub seed: u64,
    /// Number of the repetition, from 1.
    pub repetition: u32,
    /// From the first segment's transmission to the last receiver's last ACK.
    pub seconds: Option<f64>,
    /// Bits of the file over `seconds`, in 10^6 bit/s.
    pub goodput_mbps: Option<f64>,
    /// Segments of the file, counted once for each stream.
    pub segments: u64,
    /// Data segments sent by all streams.
    pub segments_sent: u64,
    /// Segments sent that had been sent before.
    pub segments_retransmitted: u64,
    /// Expiries of the retransmission timers.
    pub timeouts: u64,
    /// Fraction of packets lost, as the links counted them.
    pub loss_measured: Option<f64>,
    /// Least round-trip time a sender measured.
    pub rtt_measured_ms: Option<f64>,
    /// Whether every receiver has the file, and the gate did not reject the run.
    pub ok: bool,
    /// Why `ok` is false, or other remarks about the run.
    pub note: String,
    /// Times that a sender went back to an earlier segment.
    pub go_backs: u64,
    /// Packets offered to the links that decide on loss.
    pub packets: Option<u64>,
    /// Packets in `packets` that were lost.
    pub packets_lost: Option<u64>,
    /// Packets dropped by a full queue.
    pub queue_drops: Option<u64>,
    /// Shortest delay of a segment, from its first transmission to the ACK that covers it.
    pub segment_delay_min_ms: Option<f64>,
    /// Median delay of a segment.
    pub segment_delay_p50_ms: Option<f64>,
    /// 90th percentile of the delay of a segment.
    pub segment_delay_p90_ms: Option<f64>,
    /// 99th percentile of the delay of a segment.
    pub segment_delay_p99_ms: Option<f64>,
    /// Longest delay of a segment.
    pub segment_delay_max_ms: Option<f64>,
    /// Position in the order in which the runs were carried out, from 1.
    #[serde(default)]
    pub order: u32,
    /// Whether the network was as requested. `None` if the run did not finish or its network was not measured.
    #[serde(default)]
    pub gate: Option<GateVerdict>,
    /// Round trip of the bare network, as the links measured it.
    #[serde(default)]
    pub network_rtt_ms: Option<f64>,
    /// Rate of the busiest link while its queue was not empty.
    #[serde(default)]
    pub network_rate_mbps: Option<f64>,
    /// The goodput that the model expects, in 10^6 bit/s.
    #[serde(default)]
    pub model_goodput_mbps: Option<f64>,
    /// The command that repeats only this run.
    #[serde(default)]
    pub command: String,
    /// Why the goodput differs from the model's by more than 10 %, if the counts of the run show it.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// Additional copies in `segments_sent`.
    #[serde(default)]
    pub segments_copied: u64,
    /// The clock that the programs saw.
    #[serde(default)]
    pub clock: ClockName,
}

/// Whether the network of a run was as requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum GateVerdict {
    /// The network was as requested.
    Pass,
    /// The network was not as requested, so the run is excluded.
    Fail,
}

/// Why the goodput differs from the expected goodput.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Cause {
    /// Waiting for the retransmission timer.
    Timer,
    /// A queue: it dropped packets, or the windows exceed what the path holds.
    Queue,
    /// The machine was too slow.
    Processor,
    /// None of these.
    Unexplained,
}

impl RunRecord {
    /// The record of a `run` measured by `kind`, before its assessment.
    pub fn new(run: &Run, kind: RunnerKind, measurement: &Measurement) -> Self {
        let cell = &*run.cell;
        let network = measurement.network;
        let delay = measurement.segment_delay;
        Self {
            scenario: run.scenario.name.clone(),
            runner: kind.name,
            shaper: kind.shaper,
            cell: cell.clone(),
            seed: run.seed,
            repetition: run.repetition,
            seconds: measurement.seconds.map(rounded),
            goodput_mbps: measurement
                .seconds
                .map(|seconds| rounded(cell.file_bytes as f64 * 8.0 / seconds / 1e6)),
            segments: measurement.segments,
            segments_sent: measurement.segments_sent,
            segments_retransmitted: measurement.segments_retransmitted,
            timeouts: measurement.timeouts,
            loss_measured: network.and_then(|network| network.loss()).map(rounded),
            rtt_measured_ms: measurement.rtt_measured_ms.map(rounded),
            ok: measurement.failure.is_none() && measurement.seconds.is_some(),
            note: String::new(),
            go_backs: measurement.go_backs,
            packets: network.map(|network| network.packets),
            packets_lost: network.map(|network| network.packets_lost),
            queue_drops: network.map(|network| network.queue_drops),
            segment_delay_min_ms: delay.map(|delay| rounded(delay.min_ms)),
            segment_delay_p50_ms: delay.map(|delay| rounded(delay.p50_ms)),
            segment_delay_p90_ms: delay.map(|delay| rounded(delay.p90_ms)),
            segment_delay_p99_ms: delay.map(|delay| rounded(delay.p99_ms)),
            segment_delay_max_ms: delay.map(|delay| rounded(delay.max_ms)),
            order: order_of(run),
            gate: None,
            network_rtt_ms: network.and_then(|network| network.rtt_ms).map(rounded),
            network_rate_mbps: network.and_then(|network| network.rate_mbps).map(rounded),
            model_goodput_mbps: None,
            command: run.command(kind),
            cause: None,
            segments_copied: measurement.segments_copied,
            clock: kind.clock,
        }
    }

    /// Whether the run counts: every receiver has the file, and the network was as requested.
    pub fn counts(&self) -> bool {
        self.ok && self.gate != Some(GateVerdict::Fail)
    }

    /// Segments sent per segment of the file, copies included: 1 if nothing was retransmitted or copied.
    pub fn transmissions(&self) -> Option<f64> {
        (self.segments > 0).then(|| self.segments_sent as f64 / self.segments as f64)
    }

    /// Whether this is a record of `run`, regardless of its measurements.
    pub fn is_of(&self, run: &Run) -> bool {
        (self.order, self.seed, self.repetition) == (order_of(run), run.seed, run.repetition)
            && Axis::ALL
                .into_iter()
                .all(|axis| axis.value(&self.cell) == axis.value(&run.cell))
    }

    /// The values on all axes. Only runs of the same cell have the same key.
    pub fn cell_key(&self) -> CellKey {
        CellKey(Axis::ALL.map(|axis| axis.value(&self.cell)))
    }
}

/// The values of a cell on all axes, as a key for lookups.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CellKey([String; Axis::ALL.len()]);

fn order_of(run: &Run) -> u32 {
    u32::try_from(run.index + 1).unwrap_or(u32::MAX)
}

/// Six decimal places exceed the precision of any clock here and keep the file readable.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
