//! One stream to several receivers that lose independently: how often it goes back.

use super::path::Path;

/// Number of places in the window that the model distinguishes.
const PLACES: usize = 96;

/// Number of rounds after which the receivers' places in the window are stationary.
const ROUNDS: usize = 24;

/// The probability that the sender has to go back to a segment when it is the next one that some receiver expects.
///
/// `1 - (1 - p)^R` would count every loss. But going back for one receiver resends the whole window to all of them,
/// which also repairs the losses of the others in it, and a receiver cannot lose what it already has. So the model
/// tracks the receivers: each has everything up to some place in the window, the last one up to its start. All advance
/// from there until they lose a segment, and the sender goes back to the first loss.
///
/// The places of the other receivers are assumed to be independent, which is a mean-field approximation.
pub(super) fn chance(path: &Path) -> f64 {
    let receivers = path.group_size();
    if receivers == 1 || !path.lost_take_slots || path.loss == 0.0 {
        return path.loss;
    }
    let places = PLACES.min(path.window);
    let width = path.window as f64 / places as f64;
    let kept = path.kept().powf(width);
    let mut ahead = vec![0.0; places + 1];
    ahead[places] = 1.0;
    let mut advance = 0.0;
    for _ in 0..ROUNDS {
        let round = Round::new(&ahead, kept, receivers as i32 - 1);
        advance = round.mean_advance(path.kept(), receivers as i32, width);
        ahead = round.places_after(&ahead, kept);
    }
    1.0 / (1.0 + advance)
}

/// The time from one going back to the next.
struct Round {
    /// For each place, the probability that another receiver loses nothing before it.
    others_reach: Vec<f64>,
    /// For each place, the probability that no receiver loses anything before it.
    all_reach: Vec<f64>,
}

impl Round {
    /// `ahead` has, for each place, the probability that another receiver has everything up to just that place. `kept`
    /// is the probability of no loss from one place to the next.
    fn new(ahead: &[f64], kept: f64, others: i32) -> Self {
        let mut others_reach = Vec::with_capacity(ahead.len());
        let (mut within, mut beyond) = (0.0, 1.0);
        for chance in ahead {
            // Receivers behind this place reach it only without a loss; the others are already there.
            others_reach.push(within * kept + beyond);
            within = within * kept + chance;
            beyond -= chance;
        }
        let all_reach = others_reach
            .iter()
            .enumerate()
            .map(|(place, reach)| kept.powi(place as i32) * reach.powi(others))
            .collect();
        Self {
            others_reach,
            all_reach,
        }
    }

    /// Mean number of segments gained before some receiver loses one. `kept` is the probability that one receiver keeps
    /// a segment, `width` the number of segments from one place to the next.
    fn mean_advance(&self, kept: f64, receivers: i32, width: f64) -> f64 {
        let from_place_to_place = self.all_reach.windows(2).map(|reach| {
            // Between two places the probability falls by the same factor from segment to segment.
            let factor = (reach[1] / reach[0]).powf(1.0 / width);
            (reach[0] - reach[1]) * factor / (1.0 - factor)
        });
        let last = self.all_reach.last().copied().unwrap_or(0.0);
        let all_kept = kept.powi(receivers);
        let beyond = last * all_kept / (1.0 - all_kept);
        from_place_to_place
            .filter(|gained| gained.is_finite())
            .sum::<f64>()
            + beyond
    }

    /// The places of the other receivers after the round, relative to its end and at most a window ahead.
    fn places_after(&self, ahead: &[f64], kept: f64) -> Vec<f64> {
        let last = ahead.len() - 1;
        let mut after = vec![0.0; last + 1];
        for end in 0..=last {
            let beyond = self.all_reach.get(end + 1).copied().unwrap_or(0.0);
            let ends_here = self.all_reach[end] - beyond;
            let reach_end = self.others_reach[end];
            if ends_here <= 0.0 || reach_end <= 0.0 {
                continue;
            }
            let mut reached = reach_end;
            for place in end..last {
                let further = self.others_reach[place + 1];
                after[place - end] += ends_here * (reached - further) / reach_end;
                reached = further;
            }
            // Beyond the previous window they continue to lose segments, up to the end of the current window.
            for chance in &mut after[last - end..last] {
                *chance += ends_here * reached * (1.0 - kept) / reach_end;
                reached *= kept;
            }
            after[last] += ends_here * reached / reach_end;
        }
        let beyond_window = self.all_reach[last] * kept;
        for (place, chance) in after.iter_mut().enumerate() {
            let fresh = if place < last {
                kept.powi(place as i32) * (1.0 - kept)
            } else {
                kept.powi(place as i32)
            };
            *chance += beyond_window * fresh;
        }
        let total: f64 = after.iter().sum();
        after.iter_mut().for_each(|chance| *chance /= total);
        after
    }
}
