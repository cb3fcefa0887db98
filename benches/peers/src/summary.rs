//! Summaries: a row of `summary.csv` for each contestant, and one for each further target against it.

use backroom_lab::statistics::{Interval, Spread};
use serde::Serialize;

use crate::comparisons::{Bound, Comparison, Quantity, Target};
use crate::row::Row;

/// A contestant, or a second target against it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) comparison: &'static str,
    pub(crate) contestant: &'static str,
    /// As in the rows.
    pub(crate) options: String,
    pub(crate) receivers: u16,
    pub(crate) bytes: u64,
    /// Number of successful runs.
    pub(crate) runs: usize,
    pub(crate) failed: usize,
    pub(crate) seconds_median: Option<f64>,
    pub(crate) goodput_mbps_median: Option<f64>,
    /// 95 % interval of the median. Empty with fewer than six runs.
    pub(crate) goodput_mbps_ci_low: Option<f64>,
    pub(crate) goodput_mbps_ci_high: Option<f64>,
    pub(crate) goodput_mbps_min: Option<f64>,
    pub(crate) goodput_mbps_max: Option<f64>,
    /// Processor time of the sender per byte of the file.
    pub(crate) sender_ns_per_byte_median: Option<f64>,
    /// The quantity of `ratio`.
    pub(crate) quantity: &'static str,
    /// The median of our best contestant divided by that of this one.
    pub(crate) ratio: Option<f64>,
    /// The bound of `ratio`. Empty without a target.
    pub(crate) target: String,
    pub(crate) met: Option<bool>,
    /// Our best contestant.
    pub(crate) best: &'static str,
}

/// Summarises the rows of `comparison`.
pub(crate) fn summarise(comparison: &Comparison, rows: &[Row]) -> Vec<Summary> {
    let samples: Vec<_> = comparison
        .contestants
        .iter()
        .map(|contestant| Sample::of(comparison.name, contestant.name, rows))
        .collect();
    let mut summaries = Vec::new();
    for (contestant, sample) in comparison.contestants.iter().zip(&samples) {
        let mut targets: Vec<_> = comparison
            .targets
            .iter()
            .filter(|target| target.against == contestant.name)
            .map(Some)
            .collect();
        if targets.is_empty() {
            targets.push(None);
        }
        for target in targets {
            let best = best_of_ours(comparison, &samples, target);
            let ratio = best.and_then(|(_, ours)| sample.ratio(ours, quantity_of(target)));
            summaries.push(Summary {
                receivers: contestant.receivers,
                bytes: contestant.bytes,
                best: best.map(|(name, _)| name).unwrap_or_default(),
                ..sample.summary(comparison.name, contestant.name, target, ratio)
            });
        }
    }
    summaries
}

/// Our best contestant for `target`, with its name. Without a target it is the fastest.
fn best_of_ours<'a, 'b>(
    comparison: &Comparison,
    samples: &'a [Sample<'b>],
    target: Option<&Target>,
) -> Option<(&'static str, &'a Sample<'b>)> {
    let names = comparison.contestants.iter().map(|one| one.name);
    let ours = names.zip(samples).take(comparison.ours);
    let measured = ours
        .clone()
        .filter_map(|one| Some((one, one.1.median(quantity_of(target))?)));
    let by_median = |one: &(_, f64), other: &(_, f64)| one.1.total_cmp(&other.1);
    let best = match target.map(|it| it.bound) {
        Some(Bound::AtMost(_)) => measured.min_by(by_median),
        Some(Bound::AtLeast(_)) | None => measured.max_by(by_median),
    };
    best.map(|(one, _)| one)
}

fn quantity_of(target: Option<&Target>) -> Quantity {
    target.map_or(Quantity::Goodput, |it| it.quantity)
}

/// The rows of one contestant.
struct Sample<'a> {
    counted: Vec<&'a Row>,
    failed: usize,
}

impl<'a> Sample<'a> {
    fn of(comparison: &str, contestant: &str, rows: &'a [Row]) -> Self {
        let all: Vec<_> = rows
            .iter()
            .filter(|row| row.comparison == comparison && row.contestant == contestant)
            .filter(|row| row.repetition > 0)
            .collect();
        let counted: Vec<_> = all.iter().copied().filter(|row| row.counts()).collect();
        Self {
            failed: all.len() - counted.len(),
            counted,
        }
    }

    fn values(&self, quantity: Quantity) -> Vec<f64> {
        self.counted
            .iter()
            .filter_map(|row| match quantity {
                Quantity::Goodput => row.goodput_mbps,
                Quantity::Seconds => row.seconds,
                Quantity::Processor => Some(row.sender_processor_seconds? * 1e9 / row.bytes as f64),
            })
            .collect()
    }

    fn median(&self, quantity: Quantity) -> Option<f64> {
        Spread::of(self.values(quantity)).map(|spread| spread.median)
    }

    /// The median of `ours` divided by this one.
    fn ratio(&self, ours: &Self, quantity: Quantity) -> Option<f64> {
        Some(ours.median(quantity)? / self.median(quantity)?).filter(|ratio| ratio.is_finite())
    }

    fn summary(
        &self,
        comparison: &'static str,
        contestant: &'static str,
        target: Option<&Target>,
        ratio: Option<f64>,
    ) -> Summary {
        let goodputs = self.values(Quantity::Goodput);
        let interval = Interval::of_median(goodputs.iter().copied());
        Summary {
            comparison,
            contestant,
            options: self
                .counted
                .first()
                .map(|row| row.options.clone())
                .unwrap_or_default(),
            receivers: 0,
            bytes: 0,
            runs: self.counted.len(),
            failed: self.failed,
            seconds_median: self.median(Quantity::Seconds),
            goodput_mbps_median: self.median(Quantity::Goodput),
            goodput_mbps_ci_low: interval.map(|interval| interval.low),
            goodput_mbps_ci_high: interval.map(|interval| interval.high),
            goodput_mbps_min: goodputs.iter().copied().reduce(f64::min),
            goodput_mbps_max: goodputs.iter().copied().reduce(f64::max),
            sender_ns_per_byte_median: self.median(Quantity::Processor),
            quantity: quantity_of(target).name(),
            ratio,
            target: target.map(|it| it.bound.to_string()).unwrap_or_default(),
            met: target.zip(ratio).map(|(it, ratio)| it.bound.holds(ratio)),
            best: "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparisons::comparisons;

    fn rows(comparison: &str, contestant: &str, seconds: &[f64]) -> Vec<Row> {
        let row = |(&seconds, repetition): (&f64, u32)| {
            let mut row = Row {
                comparison: comparison.to_owned(),
                contestant: contestant.to_owned(),
                repetition,
                bytes: 1_000_000,
                sender_processor_seconds: Some(seconds / 10.0),
                ..Row::default()
            };
            row.took(seconds);
            row
        };
        seconds.iter().zip(1..).map(row).collect()
    }

    fn comparison(name: &str) -> Comparison {
        let found = comparisons().into_iter().find(|one| one.name == name);
        found.unwrap()
    }

    #[test]
    fn ratios_are_of_medians_and_decide_whether_the_target_is_met() {
        let mut all = rows("path", "backroom", &[1.0, 2.0, 90.0, 2.0, 2.0, 2.0]);
        all.extend(rows("path", "TCP cubic", &[20.0; 6]));
        all.extend(rows("path", "quinn", &[9.0; 5]));
        let summaries = summarise(&comparison("path"), &all);
        let of = |name: &str| summaries.iter().find(|one| one.contestant == name).unwrap();
        assert_eq!(of("backroom").goodput_mbps_median, Some(4.0));
        assert_eq!(of("backroom").met, None);
        let tcp = of("TCP cubic");
        assert!((tcp.ratio.unwrap() - 10.0).abs() < 1e-9);
        assert_eq!((tcp.target.as_str(), tcp.met), (">= 8", Some(true)));
        assert!(tcp.goodput_mbps_ci_low.is_some());
        let quinn = of("quinn");
        assert!((quinn.ratio.unwrap() - 4.5).abs() < 1e-9);
        assert_eq!((quinn.met, quinn.goodput_mbps_ci_low), (Some(false), None));
    }

    #[test]
    fn our_best_contestant_counts_for_a_target() {
        let mut all = rows("path", "backroom", &[4.0; 6]);
        all.extend(rows("path", "backroom, 2 copies", &[2.0; 6]));
        all.extend(rows("path", "TCP cubic", &[20.0; 6]));
        let summaries = summarise(&comparison("path"), &all);
        let of = |name: &str| summaries.iter().find(|one| one.contestant == name).unwrap();
        let tcp = of("TCP cubic");
        assert_eq!((tcp.best, tcp.met), ("backroom, 2 copies", Some(true)));
        assert!((tcp.ratio.unwrap() - 10.0).abs() < 1e-9);
        assert!((of("backroom").ratio.unwrap() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn failed_runs_and_trials_do_not_count() {
        let mut all = rows("path", "backroom", &[1.0, 1.0, 50.0]);
        all[2].failed("lost");
        let mut trial = rows("path", "backroom", &[99.0]);
        trial[0].repetition = 0;
        all.extend(trial);
        let summaries = summarise(&comparison("path"), &all);
        assert_eq!((summaries[0].runs, summaries[0].failed), (2, 1));
        assert_eq!(summaries[0].seconds_median, Some(1.0));
        let tcp = summaries.iter().find(|one| one.contestant == "TCP cubic");
        assert_eq!(tcp.map(|one| (one.ratio, one.met)), Some((None, None)));
    }

    #[test]
    fn one_contestant_may_have_a_target_for_time_and_one_for_the_processor() {
        let mut all = rows("uplink", "to 8 receivers", &[1.2; 6]);
        all.extend(rows("uplink", "to 1 receiver", &[1.0; 6]));
        let summaries = summarise(&comparison("uplink"), &all);
        let targets: Vec<_> = summaries
            .iter()
            .map(|one| (one.quantity, one.target.as_str(), one.met))
            .collect();
        let expected = [
            ("goodput", "", None),
            ("seconds", "<= 1.1", Some(false)),
            ("processor", "<= 1.3", Some(true)),
        ];
        assert_eq!(targets, expected);
    }
}
