//! The required precision of a cell's goodput.

use std::str::FromStr;

use crate::record::RunRecord;
use crate::statistics::{Interval, Spread};

/// The largest allowed width of the 95 % interval of a cell's median goodput, as a fraction of the median.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precision(f64);

impl Precision {
    /// The largest number of runs per cell, whatever its interval.
    pub const MAX_RUNS: usize = 30;

    /// The fraction of the median, between 0 and 1.
    pub fn fraction(self) -> f64 {
        self.0
    }

    /// Whether each of `cells` cells needs another run. `cells_of_runs` has the cell index of each of the first rows of
    /// `records`. Later rows are ignored.
    pub(super) fn open_cells(
        self,
        cells: usize,
        cells_of_runs: &[usize],
        records: &[RunRecord],
    ) -> Vec<bool> {
        let mut rows = vec![Vec::new(); cells];
        for (cell, record) in cells_of_runs.iter().zip(records) {
            rows[*cell].push(record);
        }
        rows.iter().map(|rows| self.needs_more_than(rows)).collect()
    }

    /// A cell without a run that counts gets no more runs, because another seed is unlikely to help.
    fn needs_more_than(self, rows: &[&RunRecord]) -> bool {
        let goodputs: Vec<_> = rows
            .iter()
            .filter(|row| row.counts())
            .filter_map(|row| row.goodput_mbps)
            .collect();
        rows.len() < Self::MAX_RUNS && !goodputs.is_empty() && !self.holds_for(&goodputs)
    }

    fn holds_for(self, goodputs: &[f64]) -> bool {
        let median = Spread::of(goodputs.iter().copied());
        let interval = Interval::of_median(goodputs.iter().copied());
        median
            .zip(interval)
            .is_some_and(|(spread, interval)| interval.width() <= self.0 * spread.median)
    }
}

impl FromStr for Precision {
    type Err = String;

    /// Reads `5%` or `0.05`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = match text.strip_suffix('%') {
            Some(percent) => (percent, 100.0),
            None => (text, 1.0),
        };
        let allowed = || {
            "a fraction of the median such as 5% or 0.05, greater than 0 and less than 1".to_owned()
        };
        let fraction = number.trim().parse::<f64>().map_err(|_| allowed())? / unit;
        (fraction > 0.0 && fraction < 1.0)
            .then_some(Self(fraction))
            .ok_or_else(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_percent_and_fractions() {
        assert_eq!("5%".parse(), Ok(Precision(0.05)));
        assert_eq!("0.05".parse(), Ok(Precision(0.05)));
        for wrong in ["", "%", "0%", "100%", "-1%", "NaN", "5"] {
            let allowed = wrong.parse::<Precision>().unwrap_err();
            assert!(allowed.contains("5%"), "{wrong}: {allowed}");
        }
    }

    #[test]
    fn the_width_of_the_whole_interval_counts() {
        let spread = |half: f64| (0..10).map(move |n| 1.0 + half * f64::from(n % 2 * 2 - 1));
        let goodputs = |half| spread(half).collect::<Vec<_>>();
        let five_percent = Precision(0.05);
        assert!(five_percent.holds_for(&goodputs(0.02)));
        assert!(!five_percent.holds_for(&goodputs(0.04)));
        assert!(
            !five_percent.holds_for(&[1.0; 5]),
            "too few for an interval"
        );
        assert!(five_percent.holds_for(&[1.0; 6]));
    }
}
