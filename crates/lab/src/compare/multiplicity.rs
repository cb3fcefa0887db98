//! Many tests at once. Of 200 cells that did not change, ten have a p-value below 0.05.
//!
//! Adjusted after Benjamini & Hochberg, *Controlling the false discovery rate*, 1995. Where nothing changed, a comparison
//! of two folders then raises any alarm at all in at most 5 % of cases, however many cells they have; and
//! where everything became slower, as after most real mistakes, far fewer runs show it than with a correction for the
//! whole family (Holm's), which keeps asking of each cell what it would have to show alone.
//!
//! The price is that each real difference makes it easier for the next to pass as one. So the p-values have to be those of
//! a difference that is worth an alarm: tested for any difference, cells without noise find a machine a thousandth faster
//! for sure, and noisy ones then pass in their wake.

/// Adjusts `p_values`, each for being one of all. The order stays.
pub fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut places: Vec<_> = (0..p_values.len()).collect();
    places.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 1.0_f64;
    for (rank, &place) in places.iter().enumerate().rev() {
        least = least.min(p_values[place] * p_values.len() as f64 / (rank + 1) as f64);
        adjusted[place] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_adjusted(p_values: &[f64], expected: &[f64]) {
        let adjusted = adjusted(p_values);
        assert_eq!(adjusted.len(), expected.len());
        for (one, other) in adjusted.iter().zip(expected) {
            assert!((one - other).abs() < 1e-12, "{adjusted:?}");
        }
    }

    #[test]
    fn each_p_is_multiplied_by_the_number_of_tests_over_its_rank() {
        assert_adjusted(&[0.01, 0.3, 0.02, 0.9], &[0.04, 0.4, 0.04, 0.9]);
    }

    #[test]
    fn a_greater_p_never_becomes_the_smaller_one() {
        assert_adjusted(&[0.030, 0.031, 0.032], &[0.032, 0.032, 0.032]);
    }

    #[test]
    fn one_test_needs_no_adjustment() {
        assert_adjusted(&[0.02], &[0.02]);
        assert_adjusted(&[], &[]);
    }
}
