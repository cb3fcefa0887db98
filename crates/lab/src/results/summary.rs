//! The rows of `summary.csv`.

use backroom_sim::Axis;

use super::columns::{Fields, Layout};
use crate::record::rounded;
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

type Statistic = fn(&Spread) -> f64;

/// The statistics of a quantity, with the ends of their columns' names.
const STATISTICS: [(&str, Statistic); 6] = [
    ("median", |spread| spread.median),
    ("min", |spread| spread.min),
    ("lower_quartile", |spread| spread.lower_quartile),
    ("upper_quartile", |spread| spread.upper_quartile),
    ("max", |spread| spread.max),
    ("mad", |spread| spread.mad),
];

/// The columns and values of a cell. Unknown values are empty.
pub(super) fn fields(cell: &CellSummary) -> Fields {
    let column = |name: &str, field: String| (name.to_owned(), field);
    let number = |value: Option<f64>| value.map_or_else(String::new, number);
    let median = |spread: Option<Spread>| number(spread.map(|spread| spread.median));
    let statistics = |name: &str, spread: Option<Spread>| {
        STATISTICS.map(|(statistic, value)| {
            let name = format!("{name}_{statistic}");
            (name, number(spread.as_ref().map(value)))
        })
    };
    let (goodput_ci, seconds_ci) = (cell.goodput_ci, cell.seconds_ci);
    let mut fields = vec![
        column("scenario", cell.first.scenario.clone()),
        column("runner", cell.first.runner.to_string()),
        column("shaper", cell.first.shaper.to_string()),
        column("runs", cell.runs.to_string()),
        column("failed", cell.failed.to_string()),
    ];
    fields.extend(statistics("goodput_mbps", cell.goodput_mbps));
    fields.extend(statistics("seconds", cell.seconds));
    fields.extend([
        column("transmissions_median", median(cell.transmissions)),
        column("timeouts_median", median(cell.timeouts)),
        column("go_backs_median", median(cell.go_backs)),
        column("loss_measured", number(cell.loss_measured)),
        column("rtt_measured_ms_median", median(cell.rtt_measured_ms)),
        column(
            "segment_delay_p50_ms_median",
            median(cell.segment_delay_p50_ms),
        ),
        column(
            "segment_delay_p99_ms_median",
            median(cell.segment_delay_p99_ms),
        ),
        column("goodput_mbps_ci_low", number(goodput_ci.map(|ci| ci.low))),
        column("goodput_mbps_ci_high", number(goodput_ci.map(|ci| ci.high))),
        column("seconds_ci_low", number(seconds_ci.map(|ci| ci.low))),
        column("seconds_ci_high", number(seconds_ci.map(|ci| ci.high))),
        column("gate_failed", cell.gate_failed.to_string()),
        column("goodput_mbps_model", number(cell.model_goodput_mbps)),
        column("model_difference", number(cell.model_difference())),
        column(
            "cause",
            cell.cause
                .map(|cause| cause.to_string())
                .unwrap_or_default(),
        ),
        column("goodput_mbps_sim", number(cell.sim_goodput_mbps)),
        column("sim_difference", number(cell.sim_difference())),
    ]);
    LAYOUT.fields(fields, &cell.first.cell)
}

/// A rounded number, as `csv` writes a float into the other tables. `Debug` has an exponent below 1e-4, `csv` below 1e-5.
fn number(value: f64) -> String {
    match rounded(value) {
        value if (1e-5..1e-4).contains(&value.abs()) => format!("{value}"),
        value => format!("{value:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_in_the_tables_that_csv_writes() {
        for value in [0.0, 10.0, 0.25, -0.001, 0.000_096, -0.000_01, 0.000_009] {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.serialize(value).unwrap();
            let written = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            assert_eq!(number(value), written.trim_end());
        }
    }
}
