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

/// A cell that is in at least one of the sweeps.
pub(super) struct Pair {
    pub(super) example: RunRecord,
    pub(super) baseline: Runs,
    pub(super) candidate: Runs,
}

/// Selects the runs of one sweep from a pair.
type Side = fn(&mut Pair) -> &mut Runs;

/// Pairs the runs of cells that have the same values on all axes, and sorts the pairs by these values. The runner is
/// not an axis, so a simulation can be compared with containers.
pub(super) fn pair(baseline: &[RunRecord], candidate: &[RunRecord]) -> Vec<Pair> {
    let mut pairs: HashMap<CellKey, Pair> = HashMap::new();
    let sides: [(_, Side); 2] = [
        (baseline, |pair| &mut pair.baseline),
        (candidate, |pair| &mut pair.candidate),
    ];
    for (records, runs) in sides {
        for record in records {
            let pair = pairs.entry(record.cell_key()).or_insert_with(|| Pair {
                example: record.clone(),
                baseline: Runs::default(),
                candidate: Runs::default(),
            });
            runs(pair).add(record);
        }
    }
    let mut pairs: Vec<_> = pairs.into_values().collect();
    pairs.sort_by(|one, other| by_value(&one.example.cell, &other.example.cell));
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
