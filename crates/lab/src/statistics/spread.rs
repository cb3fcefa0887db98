//! Median and spread of a few numbers.

use serde::Serialize;

/// Median and spread of some measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Minimum.
    pub min: f64,
    /// Lower quartile.
    pub lower_quartile: f64,
    /// Median.
    pub median: f64,
    /// Upper quartile.
    pub upper_quartile: f64,
    /// Maximum.
    pub max: f64,
    /// Median absolute deviation from the median.
    pub mad: f64,
}

impl Spread {
    /// `None` if there are no values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let median = quantile(&values, 0.5)?;
        let mut distances: Vec<_> = values.iter().map(|value| (value - median).abs()).collect();
        distances.sort_by(f64::total_cmp);
        Some(Self {
            min: *values.first()?,
            lower_quartile: quantile(&values, 0.25)?,
            median,
            upper_quartile: quantile(&values, 0.75)?,
            max: *values.last()?,
            mad: quantile(&distances, 0.5)?,
        })
    }

    /// The spread of the values minus `amount`.
    pub fn lowered_by(self, amount: f64) -> Self {
        Self {
            min: self.min - amount,
            lower_quartile: self.lower_quartile - amount,
            median: self.median - amount,
            upper_quartile: self.upper_quartile - amount,
            max: self.max - amount,
            mad: self.mad,
        }
    }
}

/// The quantile of `sorted` at this fraction, interpolated between neighbours (Hyndman & Fan 1996, type 7).
fn quantile(sorted: &[f64], fraction: f64) -> Option<f64> {
    let place = fraction * sorted.len().checked_sub(1)? as f64;
    let below = sorted.get(place.floor() as usize)?;
    let above = sorted.get(place.ceil() as usize)?;
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_one_to_five_is_known() {
        let spread = Spread::of([3.0, 1.0, 5.0, 2.0, 4.0]).unwrap();
        let expected = Spread {
            min: 1.0,
            lower_quartile: 2.0,
            median: 3.0,
            upper_quartile: 4.0,
            max: 5.0,
            mad: 1.0,
        };
        assert_eq!(spread, expected);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(Spread::of([1.0, 2.0]).unwrap().median, 1.5);
    }

    #[test]
    fn nothing_has_no_spread() {
        assert_eq!(Spread::of([]), None);
    }
}
