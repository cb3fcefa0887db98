//! What a run measured, and the CSV row it becomes.

use backroom_gbn::{Copies, Timeout, WindowSetting};
use serde::{Deserialize, Serialize};

use crate::gate;
use crate::model;
use crate::plan::Run;
use crate::runner::RunnerKind;
use crate::scenario::Axis;
use crate::statistics;

/// What a runner measured of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurement {
    /// From the first segment's transmission to the last receiver's last ACK. `None`: it did not end.
    pub seconds: Option<f64>,
    /// Segments of the file, counted once for each stream.
    pub segments: u64,
    /// Data segments sent by all streams, retransmissions included.
    pub segments_sent: u64,
    /// Of these, the ones sent before, each once however many copies of it went.
    pub segments_retransmitted: u64,
    /// Of these, the additional copies.
    pub segments_copied: u64,
    /// Expiries of the retransmission timers.
    pub timeouts: u64,
    /// Returns to an earlier segment, for whatever reason.
    pub go_backs: u64,
    /// Least round-trip time any sender saw, in milliseconds.
    pub rtt_measured_ms: Option<f64>,
    /// What the links saw.
    pub network: Option<NetworkMeasurement>,
    /// How long segments took from their first transmission to their acknowledgement.
    pub segment_delay: Option<DelayQuantiles>,
    /// Why the run counts as failed. Empty: every receiver has the file.
    pub failure: Option<String>,
    /// What else is worth saying.
    pub remark: Option<String>,
}

/// Counts of all links that the run's packets crossed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NetworkMeasurement {
    /// Packets that reached a place where loss is decided.
    pub packets: u64,
    /// Of these, the ones lost as the loss model wanted.
    pub packets_lost: u64,
    /// Packets dropped because a queue was full.
    pub queue_drops: u64,
    /// Packets that arrived and found a member's receive buffer full.
    pub receive_drops: u64,
    /// Round trip of the bare network, in milliseconds.
    pub rtt_ms: Option<f64>,
    /// Rate of the busiest link while its queue was not empty, in 10^6 bit/s. `None` where that was never for long
    /// enough to tell.
    pub rate_mbps: Option<f64>,
}

/// Quantiles of the delay of a run's segments, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DelayQuantiles {
    /// The shortest.
    pub min_ms: f64,
    /// The middle one.
    pub p50_ms: f64,
    /// 90 of 100 took no longer.
    pub p90_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// A row of `runs.csv`. The fields are the columns, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name of the scenario.
    pub scenario: String,
    /// `sim` or `docker`.
    pub runner: String,
    /// What shaped the network: `link`, `netem` or `nfqueue`.
    pub shaper: String,
    /// Who receives.
    pub cast: String,
    /// How several receivers are reached.
    pub delivery: String,
    /// How many receive.
    pub receivers: u16,
    /// Segments that may be outstanding in each stream, or `auto`.
    #[serde(with = "window_text")]
    pub window: WindowSetting,
    /// `timeout` or `fast`.
    pub recovery: String,
    /// `adaptive`, or the fixed timer in milliseconds.
    pub timeout_ms: String,
    /// Rate of each link in 10^6 bit/s; empty without a limit.
    pub rate_mbps: Option<f64>,
    /// One-way delay of each link.
    pub delay_ms: f64,
    /// Mean fraction of packets lost.
    pub loss: f64,
    /// Size of the file.
    pub file_bytes: u64,
    /// File bytes in one segment.
    pub segment_bytes: u16,
    /// Seed of the run.
    pub seed: u64,
    /// From 1.
    pub repetition: u32,
    /// From the first segment's transmission to the last receiver's last ACK.
    pub seconds: Option<f64>,
    /// Bits of the file over `seconds`, in 10^6 bit/s.
    pub goodput_mbps: Option<f64>,
    /// Segments of the file, counted once for each stream.
    pub segments: u64,
    /// Data segments sent by all streams.
    pub segments_sent: u64,
    /// Of these, the ones sent before.
    pub segments_retransmitted: u64,
    /// Expiries of the retransmission timers.
    pub timeouts: u64,
    /// Fraction of packets lost, as the links counted them.
    pub loss_measured: Option<f64>,
    /// Least round-trip time a sender saw.
    pub rtt_measured_ms: Option<f64>,
    /// Whether every receiver has the file, and the network was what it claimed.
    pub ok: bool,
    /// Why not, or what else is worth saying.
    pub note: String,
    /// Returns to an earlier segment.
    pub go_backs: u64,
    /// Spread of the delay on each side of `delay_ms`.
    pub jitter_ms: f64,
    /// Packets that each link's queue holds; empty without a limit.
    pub queue: Option<usize>,
    /// `random`, or the mean number of packets lost in a row.
    pub burst: String,
    /// `sender` or `receivers`.
    pub loss_side: String,
    /// Packets that the links had to decide on.
    pub packets: Option<u64>,
    /// Of these, the ones that were lost.
    pub packets_lost: Option<u64>,
    /// Packets dropped by a full queue.
    pub queue_drops: Option<u64>,
    /// Shortest delay of a segment, from its first transmission to the ACK that covers it.
    pub segment_delay_min_ms: Option<f64>,
    /// Its median.
    pub segment_delay_p50_ms: Option<f64>,
    /// Its 90th percentile.
    pub segment_delay_p90_ms: Option<f64>,
    /// Its 99th percentile.
    pub segment_delay_p99_ms: Option<f64>,
    /// The longest.
    pub segment_delay_max_ms: Option<f64>,
    /// Place in the order in which the runs were carried out, from 1.
    #[serde(default)]
    pub order: u32,
    /// Whether the network was what it claimed: `pass` or `fail`; empty where the run did not end.
    #[serde(default)]
    pub gate: String,
    /// Round trip of the bare network, as the links measured it.
    #[serde(default)]
    pub network_rtt_ms: Option<f64>,
    /// Rate of the busiest link while its queue was not empty.
    #[serde(default)]
    pub network_rate_mbps: Option<f64>,
    /// The goodput that the model expects.
    #[serde(default)]
    pub model_goodput_mbps: Option<f64>,
    /// The command that repeats this run alone.
    #[serde(default)]
    pub command: String,
    /// Where the goodput differs from the model's by more than 10 % and the run's own counts tell why: `timer` or `queue`.
    #[serde(default)]
    pub cause: String,
    /// How often each segment was put on the wire.
    #[serde(default = "one_copy")]
    pub copies: u8,
    /// Of `segments_sent`, the additional copies.
    #[serde(default)]
    pub segments_copied: u64,
}

impl RunRecord {
    /// The row of `run`, of which `runner` measured `measurement`.
    pub fn new(run: &Run, runner: RunnerKind, measurement: &Measurement) -> Self {
        let cell = &*run.cell;
        let network = measurement.network;
        let delay = measurement.segment_delay;
        let verdict = gate::check(cell, measurement);
        let notes = [&measurement.failure, &verdict.reason(), &measurement.remark];
        let notes: Vec<_> = notes.into_iter().flatten().cloned().collect();
        let mut record = Self {
            scenario: run.scenario.to_string(),
            runner: runner.name().to_owned(),
            shaper: runner.shaper().to_owned(),
            cast: cell.cast.to_string(),
            delivery: cell.delivery.to_string(),
            receivers: cell.receivers,
            window: cell.window,
            recovery: cell.recovery.to_string(),
            timeout_ms: timeout_text(cell.timeout),
            rate_mbps: cell
                .link
                .rate
                .map(|rate| rate.bits_per_second() as f64 / 1e6),
            delay_ms: cell.link.delay.as_secs_f64() * 1e3,
            loss: cell.loss.fraction(),
            file_bytes: cell.file_bytes,
            segment_bytes: cell.segment_bytes,
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
            ok: measurement.failure.is_none()
                && measurement.seconds.is_some()
                && !matches!(verdict, gate::Verdict::Fail(_)),
            note: notes.join("; "),
            go_backs: measurement.go_backs,
            jitter_ms: cell.link.jitter.as_secs_f64() * 1e3,
            queue: cell.link.queue,
            burst: cell.burst.to_string(),
            loss_side: cell.loss_side.to_string(),
            packets: network.map(|network| network.packets),
            packets_lost: network.map(|network| network.packets_lost),
            queue_drops: network.map(|network| network.queue_drops),
            segment_delay_min_ms: delay.map(|delay| rounded(delay.min_ms)),
            segment_delay_p50_ms: delay.map(|delay| rounded(delay.p50_ms)),
            segment_delay_p90_ms: delay.map(|delay| rounded(delay.p90_ms)),
            segment_delay_p99_ms: delay.map(|delay| rounded(delay.p99_ms)),
            segment_delay_max_ms: delay.map(|delay| rounded(delay.max_ms)),
            order: u32::try_from(run.index + 1).unwrap_or(u32::MAX),
            gate: verdict.name().to_owned(),
            network_rtt_ms: network.and_then(|network| network.rtt_ms).map(rounded),
            network_rate_mbps: network.and_then(|network| network.rate_mbps).map(rounded),
            model_goodput_mbps: None,
            command: run.command(runner),
            cause: String::new(),
            copies: cell.copies.count(),
            segments_copied: measurement.segments_copied,
        };
        record.model_goodput_mbps = model::goodput_mbps(&record).map(rounded);
        record.cause = match measurement.remark {
            Some(_) => "processor".to_owned(),
            None => statistics::cause_of_run(&record).to_owned(),
        };
        record
    }
}

impl RunRecord {
    /// Whether the run says anything: every receiver has the file, and the network was what it claimed.
    pub fn counts(&self) -> bool {
        self.ok && self.gate != "fail"
    }

    /// Segments sent for each segment of the file, copies among them: 1 where nothing was sent again or copied.
    pub fn transmissions(&self) -> Option<f64> {
        (self.segments > 0).then(|| self.segments_sent as f64 / self.segments as f64)
    }

    /// Whether this is the row of `run`, whatever was measured.
    pub fn is_of(&self, run: &Run) -> bool {
        let of_run = Self::new(run, RunnerKind::Sim, &Measurement::default());
        let place = |record: &Self| (record.order, record.seed, record.repetition);
        place(self) == place(&of_run) && self.cell_key() == of_run.cell_key()
    }

    /// Its values on all axes, which it shares with the other runs of its cell alone.
    pub fn cell_key(&self) -> Vec<String> {
        Axis::ALL.map(|axis| self.axis_text(axis)).to_vec()
    }

    /// The value of `axis` as people write it.
    pub fn axis_text(&self, axis: Axis) -> String {
        fn or_unlimited<T: ToString>(limit: Option<T>) -> String {
            limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
        }
        match axis {
            Axis::Cast => self.cast.clone(),
            Axis::Delivery => self.delivery.clone(),
            Axis::Receivers => self.receivers.to_string(),
            Axis::Rate => or_unlimited(self.rate_mbps),
            Axis::Delay => self.delay_ms.to_string(),
            Axis::Jitter => self.jitter_ms.to_string(),
            Axis::Queue => or_unlimited(self.queue),
            Axis::LossSide => self.loss_side.clone(),
            Axis::Burst => self.burst.clone(),
            Axis::Loss => self.loss.to_string(),
            Axis::Recovery => self.recovery.clone(),
            Axis::Timeout => self.timeout_ms.clone(),
            Axis::Copies => self.copies.to_string(),
            Axis::File => self.file_bytes.to_string(),
            Axis::Segment => self.segment_bytes.to_string(),
            Axis::Window => self.window.to_string(),
        }
    }
}

impl NetworkMeasurement {
    /// The fraction of packets lost; `None` where none was sent.
    pub fn loss(self) -> Option<f64> {
        (self.packets > 0).then(|| self.packets_lost as f64 / self.packets as f64)
    }
}

/// A window in a row: a number of segments, or `auto`.
pub(crate) mod window_text {
    use backroom_gbn::WindowSetting;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(
        window: &WindowSetting,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match window {
            WindowSetting::Fixed(window) => serializer.serialize_u16(window.segments()),
            WindowSetting::Auto => serializer.collect_str(window),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<WindowSetting, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// What rows have that were written before there were more.
fn one_copy() -> u8 {
    Copies::ONE.count()
}

fn timeout_text(timeout: Timeout) -> String {
    match timeout {
        Timeout::Fixed(timeout) => (timeout.as_secs_f64() * 1e3).to_string(),
        Timeout::Adaptive { .. } => "adaptive".to_owned(),
    }
}

/// Six places are more than any clock here is worth, and keep the file readable.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
