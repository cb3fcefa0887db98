//! The Mann-Whitney U test: do the values of one sample tend to be greater than those of another? It makes no
//! assumption about their distributions.
//!
//! Mann & Whitney, *On a test of whether one of two random variables is stochastically larger than the other*, 1947.
//! Small samples use the exact conditional test on mid-ranks (Lehmann, *Nonparametrics*, 1975, 1.4), because ties are
//! common: simulated runs without loss take exactly the same time. The exact test of `statrs` does not support ties.
//! Large samples use its normal approximation.

use statrs::stats_tests::Alternative;
use statrs::stats_tests::mannwhitneyu::{MannWhitneyUMethod, mannwhitneyu};

/// Largest total number of values for the exact test, which then takes milliseconds.
const MAX_EXACT: usize = 60;

/// The two-sided p-value for a difference between `one` and `other` by more than the factor `margin`. A `margin` of 1
/// gives the usual test. Returns 1 if a sample is empty or contains NaN.
pub(super) fn p_value(one: &[f64], other: &[f64], margin: f64) -> f64 {
    if one.is_empty() || other.is_empty() || one.iter().chain(other).any(|value| value.is_nan()) {
        return 1.0;
    }
    let scaled_down = |values: &[f64]| {
        values
            .iter()
            .map(|value| value / margin)
            .collect::<Vec<_>>()
    };
    let greater = p_of_greater(&scaled_down(one), other);
    (2.0 * greater.min(p_of_greater(&scaled_down(other), one))).min(1.0)
}

/// The one-sided p-value for values of `one` being greater than those of `other`.
fn p_of_greater(one: &[f64], other: &[f64]) -> f64 {
    if one.len() + other.len() <= MAX_EXACT {
        return exact(one, other);
    }
    let method = MannWhitneyUMethod::AsymptoticInclContinuityCorrection;
    mannwhitneyu(one, other, method, Alternative::Greater).map_or(1.0, |(_, p)| p)
}

/// The smallest possible p-value of samples of these sizes: all values of one are greater than all values of the other.
pub(super) fn least_p_value(one: usize, other: usize) -> f64 {
    let fewer = one.min(other);
    let choices = (1..=fewer)
        .map(|taken| (one + other - fewer + taken) as f64 / taken as f64)
        .product::<f64>();
    (2.0 / choices).min(1.0)
}

/// The probability of a rank sum at least as large, over all ways to choose the first sample from all values.
fn exact(one: &[f64], other: &[f64]) -> f64 {
    let ranks = doubled_ranks(one, other);
    let observed: usize = ranks[..one.len()].iter().sum();
    let ways = ways_by_sum(&ranks, one.len());
    let all: f64 = ways.iter().sum();
    let at_least: f64 = ways[observed..].iter().sum();
    at_least / all
}

/// Twice the rank of each value among all, first those of `one`. Equal values share the mean of their ranks. Doubling
/// makes such means whole numbers.
fn doubled_ranks(one: &[f64], other: &[f64]) -> Vec<usize> {
    let values: Vec<_> = one.iter().chain(other).copied().collect();
    let rank = |value: &f64| {
        let less = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        2 * less + equal + 1
    };
    values.iter().map(rank).collect()
}

/// For each sum, the number of ways to choose `size` of `ranks` with that sum.
fn ways_by_sum(ranks: &[usize], size: usize) -> Vec<f64> {
    let greatest: usize = ranks.iter().sum();
    let mut ways = vec![vec![0.0; greatest + 1]; size + 1];
    ways[0][0] = 1.0;
    let mut reached = 0;
    for (index, &rank) in ranks.iter().enumerate() {
        for taken in (1..=size.min(index + 1)).rev() {
            let (fewer, more) = ways.split_at_mut(taken);
            let from = &fewer[taken - 1][..=reached];
            for (to, from) in more[0][rank..].iter_mut().zip(from) {
                *to += from;
            }
        }
        reached += rank;
    }
    ways.swap_remove(size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_near(p: f64, expected: f64) {
        assert!((p - expected).abs() < 5e-5, "{p} instead of {expected}");
    }

    #[test]
    fn a_textbook_example_gives_the_published_p() {
        // Hollander & Wolfe 1973, p. 69: W = 35, one-sided p = 0.1272.
        let at_term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let earlier = [1.15, 0.88, 0.90, 0.74, 1.21];
        assert_near(p_value(&at_term, &earlier, 1.0), 2.0 * 0.1272);
    }

    #[test]
    fn complete_separation_has_the_smallest_p_even_with_ties() {
        let least = least_p_value(4, 4);
        assert_near(least, 2.0 / 70.0);
        assert_near(
            p_value(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0], 1.0),
            least,
        );
        assert_near(p_value(&[2.0; 4], &[1.0; 4], 1.0), least);
        assert_near(least_p_value(10, 3), 2.0 / 286.0);
    }

    #[test]
    fn equal_or_invalid_samples_have_a_p_of_one() {
        assert_eq!(p_value(&[1.0; 10], &[1.0; 10], 1.0), 1.0);
        assert_eq!(p_value(&[1.0; 40], &[1.0; 40], 1.0), 1.0);
        assert_eq!(p_value(&[], &[1.0], 1.0), 1.0);
        assert_eq!(p_value(&[f64::NAN], &[1.0], 1.0), 1.0);
        assert_eq!(least_p_value(0, 10), 1.0);
    }

    #[test]
    fn the_approximation_agrees_with_the_exact_test_at_the_switch() {
        let one: Vec<_> = (0..30).map(|n| f64::from(n * 3 % 31)).collect();
        let other: Vec<_> = (0..30).map(|n| f64::from(n * 7 % 31) + 4.0).collect();
        let method = MannWhitneyUMethod::AsymptoticInclContinuityCorrection;
        let (_, approximate) = mannwhitneyu(&one, &other, method, Alternative::TwoSided).unwrap();
        let exact = p_value(&one, &other, 1.0);
        assert!((exact - approximate).abs() < 2e-3, "{exact} {approximate}");
        assert!(exact < 0.2, "{exact}");
    }

    #[test]
    fn only_differences_beyond_the_margin_are_significant() {
        let one = [1.0; 8];
        assert_eq!(p_value(&one, &[1.009; 8], 1.01), 1.0);
        assert_eq!(p_value(&[1.009; 8], &one, 1.01), 1.0);
        assert_near(p_value(&one, &[1.011; 8], 1.01), least_p_value(8, 8));
        assert_near(p_value(&[1.011; 8], &one, 1.01), least_p_value(8, 8));
    }

    /// The p-value by enumeration of all choices.
    fn enumerated(one: &[f64], other: &[f64]) -> f64 {
        let ranks = doubled_ranks(one, other);
        let observed: usize = ranks[..one.len()].iter().sum();
        let chosen = |choice: u32| (0..ranks.len()).filter(move |place| choice >> place & 1 == 1);
        let sums: Vec<usize> = (0_u32..1 << ranks.len())
            .filter(|choice| choice.count_ones() as usize == one.len())
            .map(|choice| chosen(choice).map(|place| ranks[place]).sum())
            .collect();
        let share = |tail: &dyn Fn(&usize) -> bool| {
            sums.iter().filter(|sum| tail(sum)).count() as f64 / sums.len() as f64
        };
        let tails = share(&|sum| *sum <= observed).min(share(&|sum| *sum >= observed));
        (2.0 * tails).min(1.0)
    }

    proptest! {
        #[test]
        fn the_exact_test_agrees_with_enumeration(
            one in prop::collection::vec(0_u8..6, 1..6),
            other in prop::collection::vec(0_u8..6, 1..6),
        ) {
            let floats = |sample: &[u8]| sample.iter().copied().map(f64::from).collect::<Vec<_>>();
            let (one, other) = (floats(&one), floats(&other));
            prop_assert!((p_value(&one, &other, 1.0) - enumerated(&one, &other)).abs() < 1e-12);
        }
    }
}
