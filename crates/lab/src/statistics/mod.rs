//! Summaries of the runs of each cell: medians and spreads.

mod best_window;
pub(crate) mod interval;
mod pivot;
mod spread;

use std::cmp::Ordering;
use std::collections::HashMap;

pub(crate) use best_window::auto_ratios;
pub use interval::Interval;
pub(crate) use pivot::{Panel, Pivot, grouped, pivots, varying};
pub use spread::Spread;

use backroom_sim::{Axis, Cell, DelayQuantiles};

use crate::record::{Cause, CellKey, GateVerdict, RunRecord};
use crate::scenario::Quantity;

/// All repetitions of one cell.
#[derive(Clone, Debug)]
pub struct CellSummary {
    /// The first row, for the values that all rows share.
    pub first: RunRecord,
    /// Runs that count.
    pub runs: usize,
    /// Runs that failed, without those that the gate rejected.
    pub failed: usize,
    /// Runs that completed but that the gate rejected, because the network was not as requested.
    pub gate_failed: usize,
    /// Bits of the file per second, in 10^6 bit/s.
    pub goodput_mbps: Option<Spread>,
    /// Time until the last receiver had the file, in seconds.
    pub seconds: Option<Spread>,
    /// Segments sent per segment of the file.
    pub transmissions: Option<Spread>,
    /// Timer expiries per run.
    pub timeouts: Option<Spread>,
    /// Times per run that a sender went back.
    pub go_backs: Option<Spread>,
    /// Fraction of packets lost, as the links counted them, over all runs that count.
    pub loss_measured: Option<f64>,
    /// Least round-trip time of a run, in milliseconds.
    pub rtt_measured_ms: Option<Spread>,
    /// Median delay of the segments of a run, in milliseconds.
    pub segment_delay_p50_ms: Option<Spread>,
    /// 99th percentile of the delay of the segments of a run, in milliseconds.
    pub segment_delay_p99_ms: Option<Spread>,
    /// For each quantile of the delay of segments, the median over the runs.
    pub segment_delay: Option<DelayQuantiles>,
    /// 95 % interval of the median of `goodput_mbps`.
    pub goodput_ci: Option<Interval>,
    /// 95 % interval of the median of `seconds`.
    pub seconds_ci: Option<Interval>,
    /// 95 % interval of the median of `transmissions`.
    pub transmissions_ci: Option<Interval>,
    /// The goodput that the model expects, in 10^6 bit/s.
    pub model_goodput_mbps: Option<f64>,
    /// Packets per run that full queues dropped.
    pub queue_drops: Option<Spread>,
    /// Whether most of the runs that count exceeded what the machine sustains, according to their rows.
    pub beyond_machine: bool,
    /// For a cell measured in containers, the median goodput of the same cell in the simulator.
    pub sim_goodput_mbps: Option<f64>,
    /// The likely reason if the goodput differs by more than 10 % from the model's or, in containers, from the
    /// simulator's.
    pub cause: Option<Cause>,
}

/// Groups `records` by cell. Cells are sorted by their values, the last axis varying fastest, regardless of the order
/// of the records.
pub fn summarise(records: &[RunRecord]) -> Vec<CellSummary> {
    let mut groups: HashMap<CellKey, Vec<&RunRecord>> = HashMap::new();
    for record in records {
        groups.entry(record.cell_key()).or_default().push(record);
    }
    let summaries = groups.values().filter_map(|group| CellSummary::of(group));
    let mut cells: Vec<_> = summaries.collect();
    cells.sort_by(|one, other| by_value(&one.first.cell, &other.first.cell));
    cells
}

/// Compares two cells by their values on all axes.
pub(crate) fn by_value(one: &Cell, other: &Cell) -> Ordering {
    Axis::ALL
        .into_iter()
        .map(|axis| axis.compare(one, other))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl CellSummary {
    /// The spread of `quantity`.
    pub fn of_quantity(&self, quantity: Quantity) -> Option<Spread> {
        match quantity {
            Quantity::Goodput => self.goodput_mbps,
            Quantity::Seconds => self.seconds,
            Quantity::Transmissions => self.transmissions,
            Quantity::Retransmissions => {
                let copies = self.first.cell.copies.count().into();
                self.transmissions.map(|sent| sent.lowered_by(copies))
            }
            Quantity::SegmentDelay => self.segment_delay_p50_ms,
        }
    }

    /// 95 % interval of the median of `quantity`. There is none for the delay of segments.
    pub fn interval_of(&self, quantity: Quantity) -> Option<Interval> {
        match quantity {
            Quantity::Goodput => self.goodput_ci,
            Quantity::Seconds => self.seconds_ci,
            Quantity::Transmissions => self.transmissions_ci,
            Quantity::Retransmissions => self.transmissions_ci.map(|sent| Interval {
                low: sent.low - f64::from(self.first.cell.copies.count()),
                high: sent.high - f64::from(self.first.cell.copies.count()),
            }),
            Quantity::SegmentDelay => None,
        }
    }

    /// How far the median goodput is from the model's, as a fraction of it.
    pub fn model_difference(&self) -> Option<f64> {
        self.difference(self.model_goodput_mbps)
    }

    /// How far the median goodput is from the simulator's, as a fraction of it.
    pub fn sim_difference(&self) -> Option<f64> {
        self.difference(self.sim_goodput_mbps)
    }

    fn difference(&self, expected: Option<f64>) -> Option<f64> {
        let expected = expected.filter(|expected| *expected > 0.0)?;
        Some(self.goodput_mbps?.median / expected - 1.0)
    }

    /// `None` for a cell without runs.
    fn of(records: &[&RunRecord]) -> Option<Self> {
        let first = RunRecord::clone(records.first()?);
        let mut good = records.to_vec();
        good.retain(|record| record.counts());
        let spread = |value: &dyn Fn(&RunRecord) -> Option<f64>| {
            Spread::of(good.iter().filter_map(|record| value(record)))
        };
        let rejected = |record: &&&RunRecord| record.gate == Some(GateVerdict::Fail);
        let gate_failed = records.iter().filter(rejected).count();
        let interval = |value: &dyn Fn(&RunRecord) -> Option<f64>| {
            Interval::of_median(good.iter().filter_map(|record| value(record)))
        };
        let overloaded = good
            .iter()
            .filter(|one| one.cause == Some(Cause::Processor));
        let packets: u64 = good.iter().filter_map(|record| record.packets).sum();
        let lost: u64 = good.iter().filter_map(|record| record.packets_lost).sum();
        Some(Self {
            model_goodput_mbps: first.model_goodput_mbps,
            first,
            runs: good.len(),
            failed: records.len() - good.len() - gate_failed,
            gate_failed,
            goodput_mbps: spread(&|record| record.goodput_mbps),
            seconds: spread(&|record| record.seconds),
            transmissions: spread(&|record| record.transmissions()),
            timeouts: spread(&|record| Some(record.timeouts as f64)),
            go_backs: spread(&|record| Some(record.go_backs as f64)),
            loss_measured: (packets > 0).then(|| lost as f64 / packets as f64),
            rtt_measured_ms: spread(&|record| record.rtt_measured_ms),
            segment_delay_p50_ms: spread(&|record| record.segment_delay_p50_ms),
            segment_delay_p99_ms: spread(&|record| record.segment_delay_p99_ms),
            segment_delay: median_delays(&good),
            goodput_ci: interval(&|record| record.goodput_mbps),
            seconds_ci: interval(&|record| record.seconds),
            transmissions_ci: interval(&RunRecord::transmissions),
            queue_drops: spread(&|record| record.queue_drops.map(|drops| drops as f64)),
            beyond_machine: 2 * overloaded.count() > good.len(),
            sim_goodput_mbps: None,
            cause: None,
        })
    }
}

fn median_delays(records: &[&RunRecord]) -> Option<DelayQuantiles> {
    let median = |value: fn(&RunRecord) -> Option<f64>| {
        let values = records.iter().filter_map(|record| value(record));
        Spread::of(values).map(|spread| spread.median)
    };
    Some(DelayQuantiles {
        min_ms: median(|record| record.segment_delay_min_ms)?,
        p50_ms: median(|record| record.segment_delay_p50_ms)?,
        p90_ms: median(|record| record.segment_delay_p90_ms)?,
        p99_ms: median(|record| record.segment_delay_p99_ms)?,
        max_ms: median(|record| record.segment_delay_max_ms)?,
    })
}
