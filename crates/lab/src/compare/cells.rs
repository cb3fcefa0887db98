//! The runs of each cell in both sweeps, side by side.

use std::collections::HashMap;

use crate::record::{CellKey, RunRecord};
use crate::statistics::by_value;

/// What one sweep measured in one cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Runs {
    /// Completion times of the runs that count.
    pub seconds: Vec<f64>,
    /// Runs that don't.
    pub failed: usize,
}

/// A cell that is in either sweep.
pub(super) struct Pair {
    pub(super) example: RunRecord,
    pub(super) baseline: Runs,
    pub(super) candidate: Runs,
}

/// Which of a pair's two sweeps a run belongs to.
type Side = fn(&mut Pair) -> &mut Runs;

/// Pairs by the values of all axes, in the order of these. Which runner measured is no axis, so that a simulation can
/// be compared with containers.
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
