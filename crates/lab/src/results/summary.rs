//! The rows of `summary.csv`.

use backroom_gbn::WindowSetting;
use serde::Serialize;

use crate::record::{RunRecord, window_text};
use crate::statistics::{CellSummary, Spread};

/// One cell. The columns are the fields, in this order; what can't be said is empty.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    scenario: &'a str,
    runner: &'a str,
    shaper: &'a str,
    cast: &'a str,
    delivery: &'a str,
    receivers: u16,
    #[serde(serialize_with = "window_text::serialize")]
    window: WindowSetting,
    recovery: &'a str,
    timeout_ms: &'a str,
    rate_mbps: Option<f64>,
    delay_ms: f64,
    jitter_ms: f64,
    queue: Option<usize>,
    loss: f64,
    burst: &'a str,
    loss_side: &'a str,
    file_bytes: u64,
    segment_bytes: u16,
    runs: usize,
    failed: usize,
    goodput_mbps_median: Option<f64>,
    goodput_mbps_min: Option<f64>,
    goodput_mbps_lower_quartile: Option<f64>,
    goodput_mbps_upper_quartile: Option<f64>,
    goodput_mbps_max: Option<f64>,
    goodput_mbps_mad: Option<f64>,
    seconds_median: Option<f64>,
    seconds_min: Option<f64>,
    seconds_lower_quartile: Option<f64>,
    seconds_upper_quartile: Option<f64>,
    seconds_max: Option<f64>,
    seconds_mad: Option<f64>,
    transmissions_median: Option<f64>,
    timeouts_median: Option<f64>,
    go_backs_median: Option<f64>,
    loss_measured: Option<f64>,
    rtt_measured_ms_median: Option<f64>,
    segment_delay_p50_ms_median: Option<f64>,
    segment_delay_p99_ms_median: Option<f64>,
    goodput_mbps_ci_low: Option<f64>,
    goodput_mbps_ci_high: Option<f64>,
    seconds_ci_low: Option<f64>,
    seconds_ci_high: Option<f64>,
    gate_failed: usize,
    goodput_mbps_model: Option<f64>,
    model_difference: Option<f64>,
    cause: &'a str,
    goodput_mbps_sim: Option<f64>,
    sim_difference: Option<f64>,
    copies: u8,
}

impl<'a> Row<'a> {
    pub(super) fn new(cell: &'a CellSummary) -> Self {
        let RunRecord {
            scenario,
            runner,
            shaper,
            cast,
            delivery,
            recovery,
            timeout_ms,
            burst,
            loss_side,
            ..
        } = &cell.first;
        let first = &cell.first;
        let of = |spread: &Option<Spread>, pick: fn(&Spread) -> f64| {
            spread.as_ref().map(pick).map(rounded)
        };
        let (goodput, seconds) = (&cell.goodput_mbps, &cell.seconds);
        Self {
            scenario,
            runner,
            shaper,
            cast,
            delivery,
            receivers: first.receivers,
            window: first.window,
            recovery,
            timeout_ms,
            rate_mbps: first.rate_mbps,
            delay_ms: first.delay_ms,
            jitter_ms: first.jitter_ms,
            queue: first.queue,
            loss: first.loss,
            burst,
            loss_side,
            file_bytes: first.file_bytes,
            segment_bytes: first.segment_bytes,
            runs: cell.runs,
            failed: cell.failed,
            goodput_mbps_median: of(goodput, |spread| spread.median),
            goodput_mbps_min: of(goodput, |spread| spread.min),
            goodput_mbps_lower_quartile: of(goodput, |spread| spread.lower_quartile),
            goodput_mbps_upper_quartile: of(goodput, |spread| spread.upper_quartile),
            goodput_mbps_max: of(goodput, |spread| spread.max),
            goodput_mbps_mad: of(goodput, |spread| spread.mad),
            seconds_median: of(seconds, |spread| spread.median),
            seconds_min: of(seconds, |spread| spread.min),
            seconds_lower_quartile: of(seconds, |spread| spread.lower_quartile),
            seconds_upper_quartile: of(seconds, |spread| spread.upper_quartile),
            seconds_max: of(seconds, |spread| spread.max),
            seconds_mad: of(seconds, |spread| spread.mad),
            transmissions_median: of(&cell.transmissions, |spread| spread.median),
            timeouts_median: of(&cell.timeouts, |spread| spread.median),
            go_backs_median: of(&cell.go_backs, |spread| spread.median),
            loss_measured: cell.loss_measured.map(rounded),
            rtt_measured_ms_median: of(&cell.rtt_measured_ms, |spread| spread.median),
            segment_delay_p50_ms_median: of(&cell.segment_delay_p50_ms, |spread| spread.median),
            segment_delay_p99_ms_median: of(&cell.segment_delay_p99_ms, |spread| spread.median),
            goodput_mbps_ci_low: cell.goodput_ci.map(|interval| rounded(interval.low)),
            goodput_mbps_ci_high: cell.goodput_ci.map(|interval| rounded(interval.high)),
            seconds_ci_low: cell.seconds_ci.map(|interval| rounded(interval.low)),
            seconds_ci_high: cell.seconds_ci.map(|interval| rounded(interval.high)),
            gate_failed: cell.gate_failed,
            goodput_mbps_model: cell.model_goodput_mbps.map(rounded),
            model_difference: cell.model_difference().map(rounded),
            cause: &cell.cause,
            goodput_mbps_sim: cell.sim_goodput_mbps.map(rounded),
            sim_difference: cell.sim_difference().map(rounded),
            copies: first.copies,
        }
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
