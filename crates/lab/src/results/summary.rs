//! The rows of `summary.csv`.

use backroom_sim::Axis;
use serde::Serialize;

use super::columns::{Fields, Layout};
use crate::record::{Cause, rounded};
use crate::runner::{RunnerName, ShaperName};
use crate::statistics::{CellSummary, Spread};

const LAYOUT: Layout = Layout(&[(
    "shaper",
    &[
        Axis::CAST,
        Axis::DELIVERY,
        Axis::RECEIVERS,
        Axis::WINDOW,
        Axis::RECOVERY,
        Axis::TIMEOUT,
        Axis::RATE,
        Axis::DELAY,
        Axis::JITTER,
        Axis::QUEUE,
        Axis::LOSS,
        Axis::BURST,
        Axis::LOSS_SIDE,
        Axis::FILE,
        Axis::SEGMENT,
    ],
)]);

/// The columns and values of a cell.
///
/// # Errors
/// None in practice: a row is flat.
pub(super) fn fields(cell: &CellSummary) -> Result<Fields, csv::Error> {
    LAYOUT.fields(&Row::new(cell), &cell.first.cell)
}

/// A row without its axes. The fields are the columns, in this order. Unknown values are empty.
#[derive(Debug, Serialize)]
struct Row<'a> {
    scenario: &'a str,
    runner: RunnerName,
    shaper: ShaperName,
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
    cause: Option<Cause>,
    goodput_mbps_sim: Option<f64>,
    sim_difference: Option<f64>,
}

impl<'a> Row<'a> {
    fn new(cell: &'a CellSummary) -> Self {
        let of = |spread: &Option<Spread>, pick: fn(&Spread) -> f64| {
            spread.as_ref().map(pick).map(rounded)
        };
        let (goodput, seconds) = (&cell.goodput_mbps, &cell.seconds);
        Self {
            scenario: &cell.first.scenario,
            runner: cell.first.runner,
            shaper: cell.first.shaper,
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
            cause: cell.cause,
            goodput_mbps_sim: cell.sim_goodput_mbps.map(rounded),
            sim_difference: cell.sim_difference().map(rounded),
        }
    }
}
