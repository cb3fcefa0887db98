//! Confidence intervals of medians, and the bootstrap.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use statrs::distribution::{Binomial, DiscreteCDF};

/// Number of bootstrap resamples. With 2,000 the ends of an interval vary by a few hundredths of its width.
const RESAMPLES: usize = 2_000;
/// Probability on each side of the interval.
const OUTSIDE: f64 = 0.025;
/// Fixed, so that the same values give the same interval.
const SEED: u64 = 0x0062_6163_6b72_6f6f;

/// A 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Minimum number of values for an interval. The minimum and maximum of `n` values enclose the median with a
    /// probability of `1 - 2^(1-n)`, which is below 95 % for fewer than six values.
    pub const MIN_VALUES: usize = 6;

    /// The narrowest interval between two order statistics that holds the median with a probability of at least 95 %,
    /// whatever the distribution (David & Nagaraja, *Order Statistics*, 2003, 7.1). `None` for fewer than
    /// [`Self::MIN_VALUES`].
    pub fn of_median(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().collect();
        if values.len() < Self::MIN_VALUES {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        // The number of values below the median is binomial.
        let below = Binomial::new(0.5, values.len() as u64).ok()?;
        let outside = (0..values.len() as u64)
            .take_while(|count| below.cdf(*count) <= OUTSIDE)
            .count();
        let last = outside.checked_sub(1)?;
        Some(Self {
            low: values[last],
            high: values[values.len() - 1 - last],
        })
    }

    /// The bootstrap interval, from the 2.5th to the 97.5th percentile of `statistic`, which has to compute its value
    /// from a new resample at each call.
    pub(crate) fn of_resamples(mut statistic: impl FnMut() -> Option<f64>) -> Option<Self> {
        let mut found = (0..RESAMPLES)
            .map(|_| statistic())
            .collect::<Option<Vec<_>>>()?;
        found.sort_unstable_by(f64::total_cmp);
        let below = (RESAMPLES as f64 * OUTSIDE) as usize;
        Some(Self {
            low: *found.get(below)?,
            high: *found.get(RESAMPLES - 1 - below)?,
        })
    }

    /// The distance between its ends.
    pub fn width(self) -> f64 {
        self.high - self.low
    }
}

/// A resample: as many values as in `values`, drawn with replacement.
pub(crate) fn resample(values: &[f64], random: &mut impl Rng) -> Vec<f64> {
    values
        .iter()
        .map(|_| values[random.random_range(0..values.len())])
        .collect()
}

/// The median; for an even number of values, the mean of the two in the middle.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// The random generator of every bootstrap.
pub(crate) fn random() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(SEED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_without_noise_have_an_interval_without_width() {
        let interval = Interval::of_median([3.0; 10]).unwrap();
        assert_eq!((interval.low, interval.high), (3.0, 3.0));
    }

    #[test]
    fn the_order_of_the_values_does_not_matter() {
        let values = [5.0, 1.0, 4.0, 2.0, 8.0, 3.0, 9.0];
        let interval = Interval::of_median(values);
        assert_eq!(Interval::of_median(values.into_iter().rev()), interval);
    }

    #[test]
    fn five_values_are_too_few() {
        assert_eq!(Interval::of_median([1.0, 2.0, 3.0, 4.0, 5.0]), None);
        assert!(Interval::of_median([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).is_some());
    }

    #[test]
    fn the_interval_covers_the_median_with_the_stated_probability() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        // Skewed like completion times: exponential, with the median ln 2.
        let mut sample = || -> Vec<f64> {
            (0..10)
                .map(|_| -(1.0 - random.random::<f64>()).ln())
                .collect()
        };
        let median = 2.0_f64.ln();
        let covering = (0..400)
            .filter(|_| {
                let interval = Interval::of_median(sample()).unwrap();
                (interval.low..=interval.high).contains(&median)
            })
            .count();
        // Of ten values the interval from the second to the ninth covers the median with 97.9 %.
        assert!((380..=399).contains(&covering), "{covering} of 400");
    }
}
