//! Compares two folders of results cell by cell: did anything become slower?
//!
//! - `folder`: reads a folder.
//! - `cells`: pairs the runs of the same cell.
//! - `seeds`: runs of the same seed, one by one.
//! - `ratio`: the ratio of the completion times.
//! - `mann_whitney`: whether the difference could be chance.
//! - `multiplicity`: corrects for testing many cells at once.
//! - `verdict`: the conclusion for a cell. `text`: the whole comparison as text.
//!
//! Only rows that are `ok` count, and `seconds` is compared. The same two folders always give the same result, because
//! the bootstrap has a fixed seed.

mod cells;
mod folder;
mod mann_whitney;
mod multiplicity;
mod ratio;
mod seeds;
mod text;
mod verdict;

pub use cells::Runs;
pub use folder::{Folder, FolderError};
pub use ratio::Ratio;
pub use seeds::SameSeed;
pub use text::{Format, render};
pub use verdict::{FALSE_ALARMS, FLOOR, Verdict};

use crate::record::RunRecord;
use mann_whitney::{least_p_value, p_value};
use multiplicity::adjusted;

/// The comparison of two sweeps: the baseline A and the candidate B.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// All cells of A and B, sorted by the values of their axes.
    pub cells: Vec<ComparedCell>,
    /// The runs that both have.
    pub same_seed: SameSeed,
}

/// One cell in both sweeps.
#[derive(Clone, Debug)]
pub struct ComparedCell {
    /// One of its rows, for the properties that all rows of a cell share.
    pub example: RunRecord,
    /// The runs of A.
    pub baseline: Runs,
    /// The runs of B.
    pub candidate: Runs,
    /// The time of B divided by the time of A. `None` unless both have a run that counts.
    pub ratio: Option<Ratio>,
    /// The p-value of a two-sided Mann-Whitney test for a difference of more than [`FLOOR`], adjusted for the number of
    /// tested cells. `None` if there are too few runs for a significant one.
    pub p: Option<f64>,
    /// The conclusion.
    pub verdict: Verdict,
}

/// Compares `candidate` with `baseline`, cell by cell.
pub fn compare(baseline: &[RunRecord], candidate: &[RunRecord]) -> Comparison {
    let pairs = cells::pair(baseline, candidate);
    let alone: Vec<_> = pairs
        .iter()
        .map(|(_, [baseline, candidate])| p_of(baseline, candidate))
        .collect();
    let tested: Vec<_> = alone.iter().copied().flatten().collect();
    let mut adjusted = adjusted(&tested).into_iter();
    let cells = pairs
        .into_iter()
        .zip(alone)
        .map(|((example, [baseline, candidate]), alone)| {
            let ratio = Ratio::of(&baseline.seconds, &candidate.seconds);
            let p = alone.and_then(|_| adjusted.next());
            ComparedCell {
                verdict: Verdict::of(&baseline, &candidate, ratio, p, tested.len()),
                example,
                baseline,
                candidate,
                ratio,
                p,
            }
        })
        .collect();
    Comparison {
        cells,
        same_seed: SameSeed::of(baseline, candidate),
    }
}

/// `None` if there are so few runs that no outcome would be significant.
fn p_of(baseline: &Runs, candidate: &Runs) -> Option<f64> {
    let (one, other) = (&baseline.seconds, &candidate.seconds);
    (least_p_value(one.len(), other.len()) <= FALSE_ALARMS)
        .then(|| p_value(one, other, 1.0 + FLOOR))
}

impl Comparison {
    /// Whether a cell is slower in B than in A, or no longer completes.
    pub fn has_regression(&self) -> bool {
        let is_regression = |verdict| matches!(verdict, Verdict::Failed | Verdict::Slower);
        self.cells.iter().any(|cell| is_regression(cell.verdict))
    }

    /// Whether A and B have at least one cell in common.
    pub fn has_common_cells(&self) -> bool {
        let measured = |runs: &Runs| runs.seconds.len() + runs.failed > 0;
        self.cells
            .iter()
            .any(|cell| measured(&cell.baseline) && measured(&cell.candidate))
    }

    /// Number of cells with this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        let of_verdict = |cell: &&ComparedCell| cell.verdict == verdict;
        self.cells.iter().filter(of_verdict).count()
    }
}
