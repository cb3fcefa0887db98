//! Where a median lies.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use statrs::distribution::{Binomial, DiscreteCDF};

/// Resamples of a sample. With 2,000 the ends of an interval move by a few hundredths of its width.
const RESAMPLES: usize = 2_000;
/// The probability below the interval, and that above it.
const OUTSIDE: f64 = 0.025;
/// The same values give the same interval.
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
    /// The fewest values that have an interval. Even from the least to the greatest of `n` values, the median lies between
    /// them with a chance of `1 - 2^(1-n)` alone, which is less than 95 % of fewer than six.
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

    /// What lies between the outer 2.5 % of many values of `statistic`, each of another resample.
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

    /// From end to end.
    pub fn width(self) -> f64 {
        self.high - self.low
    }
}

/// As many of `values` as there are, drawn with replacement.
pub(crate) fn resample(values: &[f64], random: &mut impl Rng) -> Vec<f64> {
    values
        .iter()
        .map(|_| values[random.random_range(0..values.len())])
        .collect()
}

/// Between the two in the middle where their number is even.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// The generator of every bootstrap.
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
    fn five_values_say_too_little() {
        assert_eq!(Interval::of_median([1.0, 2.0, 3.0, 4.0, 5.0]), None);
        assert!(Interval::of_median([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).is_some());
    }

    #[test]
    fn the_interval_covers_the_median_about_as_often_as_it_says() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        // Completion times are skewed, so these are: exponential, with the median ln 2.
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
