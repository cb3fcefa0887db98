//! Pairs the runs of each cell in both sweeps.

use std::collections::HashMap;

use crate::record::{CellKey, RunRecord};
use crate::statistics::by_value;

/// The runs of one cell in one sweep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Runs {
    /// Completion times in seconds of the runs that count.
    pub seconds: Vec<f64>,
    /// Number of runs that do not count.
    pub failed: usize,
}

/// Pairs the runs of cells that have the same values on all axes, and sorts the pairs by these values. Each pair has one
/// of its records. The runner is not an axis, so a simulation can be compared with containers.
pub(super) fn pair(baseline: &[RunRecord], candidate: &[RunRecord]) -> Vec<(RunRecord, [Runs; 2])> {
    let mut pairs: HashMap<CellKey, (RunRecord, [Runs; 2])> = HashMap::new();
    for (sweep, records) in [baseline, candidate].into_iter().enumerate() {
        for record in records {
            let (_, runs) = pairs
                .entry(record.cell_key())
                .or_insert_with(|| (record.clone(), Default::default()));
            runs[sweep].add(record);
        }
    }
    let mut pairs: Vec<_> = pairs.into_values().collect();
    pairs.sort_by(|(one, _), (other, _)| by_value(&one.cell, &other.cell));
    pairs
}

impl Runs {
    fn add(&mut self, record: &RunRecord) {
        match record.seconds.filter(|seconds| *seconds > 0.0) {
            Some(seconds) if record.counts() => self.seconds.push(seconds),
            _ => self.failed += 1,
        }
    }
}
