//! The median of a sum of a random number of costs.

use super::Limit;

/// A possible cost of going back, in slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) slots: f64,
    /// Relative to the weights of the other costs.
    pub(super) weight: f64,
    /// What the time is spent on.
    pub(super) limit: Limit,
}

/// The grid is so coarse that the mean sum and the greatest cost are at most this many steps.
const STEPS_OF_MEAN: f64 = 500.0;
const STEPS_OF_GREATEST: f64 = 300.0;

/// Maximum sum to consider, in steps; the mean is far below.
const MAX_STEPS: usize = 20_000;

fn mean(costs: &[Cost]) -> f64 {
    let weight: f64 = costs.iter().map(|cost| cost.weight).sum();
    let sum: f64 = costs.iter().map(|cost| cost.slots * cost.weight).sum();
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// The `quantile` of the total cost if each of `segments` is lost repeatedly with the probability `loss`, and each loss
/// has one of `costs`.
///
/// The number of losses is negative binomial, so the sum's distribution on a grid follows from Panjer's recursion (H. H.
/// Panjer, Recursive evaluation of a family of compound distributions, ASTIN Bulletin 12, 1981).
pub(super) fn quantile(segments: f64, loss: f64, costs: &[Cost], quantile: f64) -> f64 {
    let greatest = costs.iter().map(|cost| cost.slots).fold(0.0, f64::max);
    let mean = mean(costs) * segments * loss / (1.0 - loss);
    if mean <= 0.0 || greatest <= 0.0 {
        return 0.0;
    }
    let step = (mean / STEPS_OF_MEAN).max(greatest / STEPS_OF_GREATEST);
    let severity = on_grid(costs, step);
    step * panjer(segments, loss, &severity, quantile)
}

/// The probabilities of 0, 1, 2 ... steps. A cost between two steps is split between them, which preserves the mean.
fn on_grid(costs: &[Cost], step: f64) -> Vec<f64> {
    let total: f64 = costs.iter().map(|cost| cost.weight).sum();
    let mut severity = Vec::new();
    for Cost { slots, weight, .. } in costs {
        let steps = slots.max(0.0) / step;
        let (below, above) = (steps.floor() as usize, steps.fract());
        if severity.len() < below + 2 {
            severity.resize(below + 2, 0.0);
        }
        severity[below] += (1.0 - above) * weight / total;
        severity[below + 1] += above * weight / total;
    }
    severity
}

/// The quantile in steps, rounded up. Probabilities are relative to the first one, which may be too small for an `f64`.
fn panjer(segments: f64, loss: f64, severity: &[f64], quantile: f64) -> f64 {
    const RESCALE_AT: f64 = 1e200;
    let (a, b) = (loss, (segments - 1.0) * loss);
    let denominator = 1.0 - a * severity[0];
    let mut log_scale = segments * ((1.0 - loss) / denominator).ln();
    let mut probabilities = vec![1.0];
    let mut sum: f64 = 1.0;
    let target = quantile.ln();
    while sum.ln() + log_scale < target && probabilities.len() < MAX_STEPS {
        let n = probabilities.len();
        let reach = n.min(severity.len() - 1);
        let next: f64 = (1..=reach)
            .map(|k| (a + b * k as f64 / n as f64) * severity[k] * probabilities[n - k])
            .sum();
        probabilities.push(next / denominator);
        sum += next / denominator;
        if sum > RESCALE_AT {
            probabilities
                .iter_mut()
                .for_each(|probability| *probability /= RESCALE_AT);
            sum /= RESCALE_AT;
            log_scale += RESCALE_AT.ln();
        }
    }
    (probabilities.len() - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: [Cost; 1] = [Cost {
        slots: 3.0,
        weight: 2.0,
        limit: Limit::Loss,
    }];

    #[test]
    fn the_median_of_many_is_close_to_their_mean() {
        let median = quantile(10_000.0, 0.1, &ONE, 0.5);
        let mean = 3.0 * 10_000.0 * 0.1 / 0.9;
        assert!((median / mean - 1.0).abs() < 0.01, "{median} of {mean}");
    }

    #[test]
    fn a_loss_that_is_unlikely_costs_the_median_nothing() {
        assert_eq!(quantile(100.0, 0.001, &ONE, 0.5), 0.0);
        let one = quantile(100.0, 0.01, &ONE, 0.5);
        assert!((one - 3.0).abs() < 0.02, "{one}");
    }

    #[test]
    fn the_quantiles_are_those_of_the_negative_binomial() {
        // The sum of C(49 + k, k) 0.8^50 0.2^k first passes these at 8, 12 and 18 losses.
        for (at, losses) in [(0.1, 8.0), (0.5, 12.0), (0.9, 18.0)] {
            let sum = quantile(50.0, 0.2, &ONE, at);
            assert!((sum - 3.0 * losses).abs() < 0.1, "{at}: {sum}");
        }
    }
}
