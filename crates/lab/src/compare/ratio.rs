//! The ratio of two medians, with an interval.

use crate::statistics::Interval;
use crate::statistics::interval::{median, random, resample};

/// A ratio of medians with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The ratio of the sample medians.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Ratio {
    /// The median of `candidate` over that of `baseline`, with a bootstrap percentile interval (Efron & Tibshirani, *An
    /// introduction to the bootstrap*, 1993, 13.3). `None` if a sample is empty.
    pub fn of(baseline: &[f64], candidate: &[f64]) -> Option<Self> {
        let estimate = median(&mut candidate.to_vec())? / median(&mut baseline.to_vec())?;
        let mut random = random();
        let Interval { low, high } = Interval::of_resamples(|| {
            let numerator = median(&mut resample(candidate, &mut random))?;
            Some(numerator / median(&mut resample(baseline, &mut random))?)
        })?;
        Some(Self {
            estimate,
            low,
            high,
        })
    }

    /// Whether the interval excludes 1.
    pub fn differs_from_one(&self) -> bool {
        self.low > 1.0 || self.high < 1.0
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_ratio_is_that_of_the_medians() {
        let ratio = Ratio::of(&[1.0, 2.0, 9.0], &[4.0, 3.0]).unwrap();
        assert_eq!(ratio.estimate, 1.75);
        assert!(ratio.low <= ratio.estimate && ratio.estimate <= ratio.high);
    }

    #[test]
    fn the_interval_is_deterministic_and_as_wide_as_the_noise() {
        let baseline: Vec<_> = (0..10).map(|n| 1.0 + f64::from(n) / 100.0).collect();
        let candidate: Vec<_> = baseline.iter().map(|value| value * 1.1).collect();
        let ratio = Ratio::of(&baseline, &candidate).unwrap();
        assert_eq!(Ratio::of(&baseline, &candidate), Some(ratio));
        assert!(ratio.differs_from_one(), "{ratio:?}");
        assert!(
            (0.03..0.12).contains(&(ratio.high - ratio.low)),
            "{ratio:?}"
        );
        let same = Ratio::of(&baseline, &baseline).unwrap();
        assert!(!same.differs_from_one(), "{same:?}");
    }

    #[test]
    fn the_interval_has_the_nominal_coverage() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut sample = || -> Vec<f64> {
            (0..15)
                .map(|_| 10.0 + (0..12).map(|_| random.random::<f64>()).sum::<f64>())
                .collect()
        };
        let covering = (0..200)
            .filter(|_| !Ratio::of(&sample(), &sample()).unwrap().differs_from_one())
            .count();
        assert!((180..=199).contains(&covering), "{covering} of 200");
    }

    #[test]
    fn an_empty_sample_has_no_ratio() {
        assert_eq!(Ratio::of(&[], &[1.0]), None);
        assert_eq!(Ratio::of(&[1.0], &[]), None);
    }
}
