//! Compares two folders of results cell by cell: did anything become slower?
//!
//! - `folder`: reads a folder.
//! - `cells`: pairs the runs of the same cell.
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
mod text;
mod verdict;

pub use cells::Runs;
pub use folder::{Folder, FolderError};
pub use mann_whitney::{least_p_value, p_value};
pub use multiplicity::adjusted;
pub use ratio::Ratio;
pub use text::{Format, render};
pub use verdict::{FALSE_ALARMS, FLOOR, Verdict};

use crate::record::RunRecord;

/// The comparison of two sweeps: the baseline A and the candidate B.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// All cells of A and B, sorted by the values of their axes.
    pub cells: Vec<ComparedCell>,
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
    /// The p-value of the difference. `None` if there are too few runs for a significant one.
    pub p: Option<PValue>,
    /// The conclusion.
    pub verdict: Verdict,
}

/// The p-value of a two-sided Mann-Whitney test for a difference of more than [`FLOOR`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PValue {
    /// Without a correction for the number of cells.
    pub alone: f64,
    /// Adjusted for the number of tested cells (Benjamini & Hochberg 1995).
    pub adjusted: f64,
}

/// Compares `candidate` with `baseline`, cell by cell.
pub fn compare(baseline: &[RunRecord], candidate: &[RunRecord]) -> Comparison {
    let pairs = cells::pair(baseline, candidate);
    let alone: Vec<_> = pairs
        .iter()
        .map(|pair| p_of(&pair.baseline, &pair.candidate))
        .collect();
    let tested: Vec<_> = alone.iter().copied().flatten().collect();
    let mut adjusted = adjusted(&tested).into_iter();
    let cells = pairs
        .into_iter()
        .zip(alone)
        .map(|(pair, alone)| {
            let ratio = Ratio::of(&pair.baseline.seconds, &pair.candidate.seconds);
            let p = alone.and_then(|alone| {
                let adjusted = adjusted.next()?;
                Some(PValue { alone, adjusted })
            });
            ComparedCell {
                verdict: Verdict::of(&pair.baseline, &pair.candidate, ratio, p, tested.len()),
                example: pair.example,
                baseline: pair.baseline,
                candidate: pair.candidate,
                ratio,
                p,
            }
        })
        .collect();
    Comparison { cells }
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
        self.cells.iter().any(|cell| cell.verdict.is_regression())
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
        self.cells
            .iter()
            .filter(|cell| cell.verdict == verdict)
            .count()
    }
}
