//! Compares runs of the same seed one by one.

use std::collections::HashMap;

use super::verdict::FLOOR;
use crate::record::{CellKey, RunRecord};

/// The runs of both sweeps that have the same cell and the same seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SameSeed {
    /// Pairs of runs that both count.
    pub pairs: usize,
    /// Pairs whose times differ by at most [`FLOOR`].
    pub alike: usize,
}

impl SameSeed {
    /// Pairs the runs that count. A seed that a sweep has twice in a cell counts once.
    pub(super) fn of(baseline: &[RunRecord], candidate: &[RunRecord]) -> Self {
        let known: HashMap<_, _> = timed(baseline).collect();
        let candidate: HashMap<_, _> = timed(candidate).collect();
        let mut same = Self::default();
        for (run, seconds) in candidate {
            let Some(expected) = known.get(&run) else {
                continue;
            };
            same.pairs += 1;
            let ratio = seconds / expected;
            same.alike += usize::from(ratio.max(1.0 / ratio) <= 1.0 + FLOOR);
        }
        same
    }
}

fn timed(records: &[RunRecord]) -> impl Iterator<Item = ((CellKey, u64), f64)> {
    let counting = records.iter().filter(|record| record.counts());
    counting.filter_map(|record| {
        let seconds = record.seconds.filter(|seconds| *seconds > 0.0)?;
        Some(((record.cell_key(), record.seed), seconds))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::runner::RunnerKind;
    use crate::scenario::Scenario;
    use backroom_sim::Measurement;

    #[test]
    fn only_runs_of_the_same_cell_and_seed_are_pairs() {
        let plan = Plan::new(&Scenario::load("quick").unwrap()).unwrap();
        let of_cell = |index: usize, seed, seconds| {
            let run = &plan.runs[index];
            RunRecord {
                seed,
                seconds: Some(seconds),
                ok: true,
                ..RunRecord::new(run, RunnerKind::SIM, &Measurement::default())
            }
        };
        let with_seed = |seed, seconds| of_cell(0, seed, seconds);
        let baseline = [with_seed(1, 2.0), with_seed(2, 2.0), with_seed(3, 2.0)];
        let failed = RunRecord {
            ok: false,
            ..with_seed(3, 2.0)
        };
        let candidate = [
            with_seed(1, 2.019),
            with_seed(2, 1.9),
            failed,
            with_seed(4, 2.0),
            of_cell(1, 1, 2.0),
        ];
        let expected = SameSeed { pairs: 2, alike: 1 };
        assert_eq!(SameSeed::of(&baseline, &candidate), expected);
        assert_eq!(SameSeed::of(&baseline, &[]), SameSeed::default());
    }
}
