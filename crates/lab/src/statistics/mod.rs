//! The runs of each cell made into one: median and spread.

mod pivot;
mod spread;

use std::collections::HashMap;

pub(crate) use pivot::{Panel, Pivot, pivots, x_value};
pub use spread::Spread;

use crate::record::RunRecord;
use crate::scenario::{Axis, Quantity};

/// All repetitions of one cell.
#[derive(Clone, Debug)]
pub struct CellSummary {
    /// Its first row, for what all of them have in common.
    pub first: RunRecord,
    /// Runs that count.
    pub runs: usize,
    /// Runs that failed and don't.
    pub failed: usize,
    /// Bits of the file a second, in 10^6 bit/s.
    pub goodput_mbps: Option<Spread>,
    /// Time until the last receiver had the file.
    pub seconds: Option<Spread>,
    /// Segments sent for each segment of the file.
    pub transmissions: Option<Spread>,
    /// Timer expiries of a run.
    pub timeouts: Option<Spread>,
    /// Returns to an earlier segment in a run.
    pub go_backs: Option<Spread>,
    /// Loss as the links counted it, over all runs that count.
    pub loss_measured: Option<f64>,
    /// The least round trip of a run.
    pub rtt_measured_ms: Option<Spread>,
    /// The median delay of a run's segments.
    pub segment_delay_p50_ms: Option<Spread>,
    /// The 99th percentile of the delay of a run's segments.
    pub segment_delay_p99_ms: Option<Spread>,
}

/// Groups `records` by cell, in the order in which the cells first come.
pub fn summarise(records: &[RunRecord]) -> Vec<CellSummary> {
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    let mut groups: Vec<Vec<&RunRecord>> = Vec::new();
    for record in records {
        let key = Axis::ALL
            .iter()
            .map(|axis| record.axis_text(*axis))
            .collect();
        let place = *places.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(record);
    }
    groups
        .iter()
        .filter_map(|group| CellSummary::of(group))
        .collect()
}

impl CellSummary {
    /// The spread of `quantity`.
    pub fn of_quantity(&self, quantity: Quantity) -> Option<Spread> {
        match quantity {
            Quantity::Goodput => self.goodput_mbps,
            Quantity::Seconds => self.seconds,
            Quantity::Transmissions => self.transmissions,
        }
    }

    /// `None` for a cell without runs.
    fn of(records: &[&RunRecord]) -> Option<Self> {
        let first = RunRecord::clone(records.first()?);
        let good: Vec<_> = records.iter().copied().filter(|record| record.ok).collect();
        let spread = |value: &dyn Fn(&RunRecord) -> Option<f64>| {
            Spread::of(good.iter().filter_map(|record| value(record)))
        };
        let packets: u64 = good.iter().filter_map(|record| record.packets).sum();
        let lost: u64 = good.iter().filter_map(|record| record.packets_lost).sum();
        Some(Self {
            first,
            runs: good.len(),
            failed: records.len() - good.len(),
            goodput_mbps: spread(&|record| record.goodput_mbps),
            seconds: spread(&|record| record.seconds),
            transmissions: spread(&|record| record.transmissions()),
            timeouts: spread(&|record| Some(record.timeouts as f64)),
            go_backs: spread(&|record| Some(record.go_backs as f64)),
            loss_measured: (packets > 0).then(|| lost as f64 / packets as f64),
            rtt_measured_ms: spread(&|record| record.rtt_measured_ms),
            segment_delay_p50_ms: spread(&|record| record.segment_delay_p50_ms),
            segment_delay_p99_ms: spread(&|record| record.segment_delay_p99_ms),
        })
    }
}
