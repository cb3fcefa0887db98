//! Correction for multiple tests. Of 200 cells that did not change, about ten have a p-value below 0.05.
//!
//! The method is that of Benjamini & Hochberg, *Controlling the false discovery rate*, 1995. If nothing changed, at
//! most 5 % of all comparisons report any difference, however many cells they have. If everything became slower, as
//! after most real mistakes, it needs far fewer runs than a family-wise correction such as Holm's, which requires of
//! each cell what it would require if no other cell had changed.
//!
//! The disadvantage is that each real difference lowers the threshold for the other cells. So the p-values must be
//! those of a difference that is large enough to matter. If they tested for any difference, cells without noise would
//! detect that a machine is 0.1 % faster, and noisy cells would then be reported by chance.

/// Adjusts each of `p_values` for the number of tests. Keeps their order.
pub(super) fn adjusted(p_values: &[f64]) -> Vec<f64> {
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
