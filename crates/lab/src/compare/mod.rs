//! Two folders of results, cell by cell: did anything become slower?
//!
//! - `folder`: what is read of each folder.
//! - `cells`: runs that were made under the same conditions, side by side.
//! - `ratio`: how many times as long one takes as the other. `mann_whitney`: whether that could be chance.
//!   `multiplicity`: the same for many cells at once.
//! - `verdict`: what follows for a cell. `text`: all of it for people.
//!
//! A row counts where it is `ok`, and what is compared is `seconds`. The same two folders always give the same answer:
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

/// Two sweeps compared: the baseline, A, and the candidate, B.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Every cell that is in either, ordered by its axes.
    pub cells: Vec<ComparedCell>,
}

/// One cell in both sweeps.
#[derive(Clone, Debug)]
pub struct ComparedCell {
    /// One of its rows, for what all of them have in common.
    pub example: RunRecord,
    /// What A measured.
    pub baseline: Runs,
    /// What B measured.
    pub candidate: Runs,
    /// The time B takes over the time A takes, where both have a run that counts.
    pub ratio: Option<Ratio>,
    /// How likely the two look so different by chance, where there are enough runs to ask.
    pub p: Option<PValue>,
    /// What follows.
    pub verdict: Verdict,
}

/// Of a two-sided Mann-Whitney test for a difference of more than [`FLOOR`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PValue {
    /// Of this cell alone.
    pub alone: f64,
    /// As one of all the cells compared (Benjamini & Hochberg 1995).
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

/// `None` where no outcome whatsoever could be told from chance.
fn p_of(baseline: &Runs, candidate: &Runs) -> Option<f64> {
    let (one, other) = (&baseline.seconds, &candidate.seconds);
    (least_p_value(one.len(), other.len()) <= FALSE_ALARMS)
        .then(|| p_value(one, other, 1.0 + FLOOR))
}

impl Comparison {
    /// Whether a cell of B is slower than in A, or does not work any more.
    pub fn has_regression(&self) -> bool {
        self.cells.iter().any(|cell| cell.verdict.is_regression())
    }

    /// Whether at least one cell was measured in both.
    pub fn has_common_cells(&self) -> bool {
        let measured = |runs: &Runs| runs.seconds.len() + runs.failed > 0;
        self.cells
            .iter()
            .any(|cell| measured(&cell.baseline) && measured(&cell.candidate))
    }

    /// How many cells have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cells
            .iter()
            .filter(|cell| cell.verdict == verdict)
            .count()
    }
}
