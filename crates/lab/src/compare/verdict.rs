//! The conclusion for a cell.

use strum::{Display, VariantArray};

use super::mann_whitney::least_p_value;
use super::{Ratio, Runs};

/// Relative differences below this do not count, even if they are significant: two builds of the same source can differ
/// by as much.
pub const FLOOR: f64 = 0.01;
/// The largest acceptable fraction of comparisons that report a difference although nothing changed.
pub const FALSE_ALARMS: f64 = 0.05;

/// How a cell changed from A to B, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Verdict {
    /// A has runs that count. B has runs, but none that counts.
    Failed,
    /// B takes longer.
    Slower,
    /// B takes less time.
    Faster,
    /// The difference is not significant, or too small to count.
    Same,
    /// There are too few runs to detect a difference among so many cells.
    #[strum(to_string = "too few runs")]
    TooFewRuns,
    /// A has no runs that count, or B has no runs.
    Missing,
}

impl Verdict {
    /// Decides about a cell. `tested` is the number of cells with a p-value.
    pub(super) fn of(
        baseline: &Runs,
        candidate: &Runs,
        ratio: Option<Ratio>,
        p: Option<f64>,
        tested: usize,
    ) -> Self {
        let Some(ratio) = ratio else {
            let broken = !baseline.seconds.is_empty() && candidate.failed > 0;
            return if broken { Self::Failed } else { Self::Missing };
        };
        let slower = ratio.estimate >= 1.0 + FLOOR;
        let faster = ratio.estimate <= 1.0 / (1.0 + FLOOR);
        let significant = p.is_some_and(|p| p <= FALSE_ALARMS) && ratio.differs_from_one();
        let least = least_p_value(baseline.seconds.len(), candidate.seconds.len());
        // If only this cell had changed, these runs could not have shown it.
        let inconclusive = least * tested.max(1) as f64 > FALSE_ALARMS;
        match (slower || faster, significant) {
            (true, true) if slower => Self::Slower,
            (true, true) => Self::Faster,
            (true, false) if inconclusive => Self::TooFewRuns,
            (false, _) if p.is_none() => Self::TooFewRuns,
            _ => Self::Same,
        }
    }
}

/// Number of runs per cell in A and in B to detect a difference in only one of `cells`.
pub(super) fn runs_needed(cells: usize) -> usize {
    (1..)
        .find(|runs| least_p_value(*runs, *runs) * cells.max(1) as f64 <= FALSE_ALARMS)
        .unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(number: usize) -> Runs {
        Runs {
            seconds: vec![1.0; number],
            failed: 0,
        }
    }

    fn verdict(number: usize, tested: usize, ratio: (f64, f64, f64), p: Option<f64>) -> Verdict {
        let (low, estimate, high) = ratio;
        let ratio = Ratio {
            estimate,
            low,
            high,
        };
        Verdict::of(&runs(number), &runs(number), Some(ratio), p, tested)
    }

    #[test]
    fn a_significant_difference_counts_from_one_percent() {
        assert_eq!(
            verdict(10, 1, (1.005, 1.011, 1.02), Some(0.001)),
            Verdict::Slower
        );
        assert_eq!(
            verdict(10, 1, (0.98, 0.989, 0.995), Some(0.001)),
            Verdict::Faster
        );
        assert_eq!(
            verdict(10, 1, (1.005, 1.009, 1.02), Some(0.001)),
            Verdict::Same
        );
        assert_eq!(
            verdict(10, 1, (0.98, 0.991, 0.995), Some(0.001)),
            Verdict::Same
        );
    }

    #[test]
    fn a_large_difference_counts_only_if_it_is_significant() {
        assert_eq!(verdict(10, 1, (1.1, 1.2, 1.3), Some(0.06)), Verdict::Same);
        assert_eq!(verdict(10, 1, (0.9, 1.2, 1.5), Some(0.01)), Verdict::Same);
    }

    #[test]
    fn runs_that_cannot_show_a_difference_are_too_few() {
        assert_eq!(verdict(3, 0, (1.0, 1.0, 1.0), None), Verdict::TooFewRuns);
        // 2 / 252, and 48 cells.
        assert_eq!(
            verdict(5, 48, (9.0, 10.0, 11.0), Some(0.38)),
            Verdict::TooFewRuns
        );
        assert_eq!(verdict(10, 48, (0.9, 1.1, 1.2), Some(0.38)), Verdict::Same);
        assert_eq!(runs_needed(1), 4);
        assert_eq!(runs_needed(48), 7);
    }

    #[test]
    fn a_cell_that_no_longer_completes_is_not_just_missing() {
        let broken = Runs {
            seconds: Vec::new(),
            failed: 10,
        };
        let none = Runs::default();
        let of = |one: &Runs, other: &Runs| Verdict::of(one, other, None, None, 0);
        assert_eq!(of(&runs(10), &broken), Verdict::Failed);
        assert_eq!(of(&runs(10), &none), Verdict::Missing);
        assert_eq!(of(&broken, &runs(10)), Verdict::Missing);
        assert_eq!(of(&none, &runs(10)), Verdict::Missing);
    }
}
