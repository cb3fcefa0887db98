//! Scales: from values to positions along an axis.

/// Maps values to fractions of an axis and chooses which values are marked.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    kind: Kind,
    low: f64,
    high: f64,
    /// The values with a mark and a label, in ascending order.
    pub ticks: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Linear,
    /// The marks are evenly spaced, whatever their values.
    EvenlySpaced,
    /// Equal distances are equal factors. Zero, which has no logarithm, is at the start.
    Logarithmic {
        zero: Option<f64>,
    },
}

impl Scale {
    /// Fits these values: logarithmic if they are positive and far apart, otherwise linear from zero.
    pub fn covering(values: impl Iterator<Item = f64>) -> Self {
        const LARGE_RATIO: f64 = 20.0;
        let (lowest, highest) = values.fold((f64::INFINITY, 0.0), |(lowest, highest), value| {
            (value.min(lowest), value.max(highest))
        });
        match lowest > 0.0 && highest > LARGE_RATIO * lowest {
            true => Self::logarithmic_between(lowest, highest),
            false => Self::from_zero(highest),
        }
    }

    /// Linear from 0 to a round number not below `highest`, with marks at round numbers.
    pub fn from_zero(highest: f64) -> Self {
        let step = round_step(highest.max(f64::MIN_POSITIVE) / 5.0);
        let steps = (highest / step - 1e-9).ceil().max(1.0);
        Self {
            kind: Kind::Linear,
            low: 0.0,
            high: steps * step,
            ticks: (0..=steps as u32)
                .map(|tick| f64::from(tick) * step)
                .collect(),
        }
    }

    /// Logarithmic between positive values, with some space at both ends and marks at a few round numbers.
    pub fn logarithmic_between(lowest: f64, highest: f64) -> Self {
        const MAX_TICKS: usize = 7;
        const MARKS: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
        // Values that are nearly the same need at least two marks too, to show the scale.
        const MIN_FACTOR: f64 = 2.0;
        let missing = (MIN_FACTOR * lowest / highest).max(1.0).sqrt();
        let (lowest, highest) = (lowest / missing, highest * missing);
        let ticks = |marks: &[f64]| round_numbers(marks, lowest, highest);
        let ticks = MARKS
            .into_iter()
            .map(ticks)
            .find(|ticks| ticks.len() <= MAX_TICKS)
            .unwrap_or_else(|| ticks(&[1.0]));
        let lowest = ticks.iter().copied().fold(lowest, f64::min);
        let highest = ticks.iter().copied().fold(highest, f64::max);
        Self::logarithmic(lowest, highest, None, ticks)
    }

    /// Logarithmic with a mark at each of these values, which may include zero.
    pub fn logarithmic_at(values: &[f64]) -> Self {
        let mut ticks = values.to_vec();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let positive: Vec<_> = ticks.iter().copied().filter(|tick| *tick > 0.0).collect();
        let lowest = positive.first().copied().unwrap_or(1.0);
        let highest = positive.last().copied().unwrap_or(1.0);
        // Zero is as far from the lowest value as the values are apart on average.
        let gaps = positive.len().saturating_sub(1).max(1) as f64;
        let zero = (positive.len() < ticks.len())
            .then(|| lowest / (highest / lowest).powf(1.0 / gaps).max(2.0));
        Self::logarithmic(zero.unwrap_or(lowest), highest, zero, ticks)
    }

    /// These values in ascending order at equal distances.
    pub fn evenly_spaced(values: &[f64]) -> Self {
        let mut ticks = values.to_vec();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        Self {
            kind: Kind::EvenlySpaced,
            low: 0.0,
            high: ticks.len() as f64,
            ticks,
        }
    }

    fn logarithmic(lowest: f64, highest: f64, zero: Option<f64>, ticks: Vec<f64>) -> Self {
        let margin = (highest / lowest).max(1.5).powf(0.04);
        Self {
            kind: Kind::Logarithmic { zero },
            low: lowest / margin,
            high: highest * margin,
            ticks,
        }
    }

    /// The fraction of the axis at which `value` is: 0 at its start, 1 at its end.
    pub fn fraction(&self, value: f64) -> f64 {
        match self.kind {
            Kind::Linear => (value - self.low) / (self.high - self.low),
            Kind::EvenlySpaced => {
                let before = self.ticks.iter().filter(|tick| **tick < value).count();
                (before as f64 + 0.5) / self.high
            }
            Kind::Logarithmic { zero } => {
                let value = zero.map_or(value, |zero| value.max(zero));
                (value / self.low).ln() / (self.high / self.low).ln()
            }
        }
    }

    /// `count` values from the first mark to the last, evenly spaced on the axis. If zero is marked it comes first, with
    /// nothing between it and the lowest positive mark.
    pub fn samples(&self, count: u32) -> Vec<f64> {
        let zero = match self.kind {
            Kind::Logarithmic { zero: Some(_) } => Some(0.0),
            Kind::Linear | Kind::EvenlySpaced | Kind::Logarithmic { zero: None } => None,
        };
        let mut marked = self
            .ticks
            .iter()
            .copied()
            .filter(|tick| zero.is_none_or(|zero| *tick > zero));
        let Some(first) = marked.next() else {
            return zero.into_iter().collect();
        };
        let last = marked.next_back().unwrap_or(first);
        let between = |sample: u32| {
            let fraction = f64::from(sample) / f64::from(count.saturating_sub(1).max(1));
            match self.kind {
                Kind::Linear | Kind::EvenlySpaced => first + (last - first) * fraction,
                Kind::Logarithmic { .. } => first * (last / first).powf(fraction),
            }
        };
        zero.into_iter().chain((0..count).map(between)).collect()
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `step`.
pub fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|round| *round >= step * (1.0 - 1e-9))
        .unwrap_or(step)
}

/// `marks` times powers of ten, from a little below `lowest` to a little above `highest`.
fn round_numbers(marks: &[f64], lowest: f64, highest: f64) -> Vec<f64> {
    const MARGIN: f64 = 1.6;
    let decades = lowest.log10().floor() as i32..=highest.log10().ceil() as i32;
    decades
        .flat_map(|decade| marks.iter().map(move |mark| mark * 10f64.powi(decade)))
        .filter(|tick| (lowest / MARGIN..=highest * MARGIN).contains(tick))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_scale_ends_at_a_round_number() {
        let scale = Scale::from_zero(9.47);
        assert_eq!(scale.ticks, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!((scale.fraction(0.0), scale.fraction(10.0)), (0.0, 1.0));
    }

    #[test]
    fn values_far_apart_get_a_logarithmic_scale() {
        let scale = Scale::covering([2.0, 90.0].into_iter());
        assert_eq!(scale, Scale::logarithmic_between(2.0, 90.0));
        let scale = Scale::covering([0.0, 90.0].into_iter());
        assert_eq!(scale, Scale::from_zero(90.0));
    }

    #[test]
    fn equal_factors_are_equal_distances() {
        let scale = Scale::logarithmic_at(&[1.0, 10.0, 100.0]);
        let (one, ten, hundred) = (
            scale.fraction(1.0),
            scale.fraction(10.0),
            scale.fraction(100.0),
        );
        assert!(((ten - one) - (hundred - ten)).abs() < 1e-12);
        assert!(one > 0.0 && hundred < 1.0);
    }

    #[test]
    fn a_wide_range_has_few_marks() {
        let scale = Scale::logarithmic_between(11.0, 6_000.0);
        assert_eq!(scale.ticks, [10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0]);
        assert!(scale.fraction(10.0) > 0.0 && scale.fraction(6_000.0) < 1.0);
    }

    #[test]
    fn nearly_equal_values_have_two_marks() {
        let scale = Scale::logarithmic_between(95.5, 95.6);
        assert_eq!(scale.ticks, [50.0, 100.0, 200.0]);
        for value in [1.0, 1.4, 2.2, 3.1, 4.9, 7.0] {
            assert!(Scale::logarithmic_between(value, value).ticks.len() >= 2);
        }
    }

    #[test]
    fn zero_has_a_place_on_a_logarithmic_scale() {
        let scale = Scale::logarithmic_at(&[0.0, 0.001, 0.01]);
        assert!(scale.fraction(0.0) > 0.0);
        assert!(scale.fraction(0.0) < scale.fraction(0.001));
    }

    #[test]
    fn evenly_spaced_values_ignore_their_size() {
        let scale = Scale::evenly_spaced(&[0.0, 0.001, 0.1]);
        assert_eq!(
            scale
                .ticks
                .iter()
                .map(|tick| scale.fraction(*tick))
                .collect::<Vec<_>>(),
            [0.5 / 3.0, 0.5, 2.5 / 3.0]
        );
    }

    #[test]
    fn samples_run_from_the_first_mark_to_the_last() {
        let samples = Scale::logarithmic_at(&[1.0, 200.0]).samples(50);
        assert!((samples[0] - 1.0).abs() < 1e-9);
        assert!((samples[49] - 200.0).abs() < 1e-9);
    }

    #[test]
    fn if_zero_is_marked_the_samples_start_with_it() {
        let samples = Scale::logarithmic_at(&[0.0, 0.01, 0.1]).samples(10);
        assert_eq!(samples[0], 0.0);
        assert!((samples[1] - 0.01).abs() < 1e-9);
    }
}
