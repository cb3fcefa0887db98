//! One stream to several receivers that lose independently: how often it goes back.

use super::path::Path;

/// Places in the window that are told apart.
const PLACES: usize = 96;

/// Rounds until the receivers' places in the window are what they are in the long run.
const ROUNDS: usize = 24;

/// The chance that a segment, being the next one that somebody expects, has to be gone back to.
///
/// `1 - (1 - p)^R` would count every loss. But going back for one receiver sends the whole window again to all of them,
/// and so mends the others' losses in it; and what a receiver has, it can't lose. So the receivers are followed: each
/// has everything up to some place in the window, the last one up to its begin. All get on from there until they lose
/// a segment, and the one that loses first is gone back to.
///
/// The places of the others are taken to be independent of each other, which is a mean-field approximation.
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

/// From one going back to the next.
struct Round {
    /// The chance that a receiver that is ahead loses nothing before a place.
    others_reach: Vec<f64>,
    /// The chance that nobody does.
    all_reach: Vec<f64>,
}

impl Round {
    /// `ahead` says with what chance another receiver has everything up to each place; `kept` is the chance to lose
    /// nothing from one place to the next.
    fn new(ahead: &[f64], kept: f64, others: i32) -> Self {
        let mut others_reach = Vec::with_capacity(ahead.len());
        let (mut within, mut beyond) = (0.0, 1.0);
        for chance in ahead {
            // Those at this place or before it have had to get here from where they were.
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

    /// How many segments are gained, on average, before somebody loses one. `kept` is the chance to lose none, and
    /// `width` how many there are from one place to the next.
    fn mean_advance(&self, kept: f64, receivers: i32, width: f64) -> f64 {
        let from_place_to_place = self.all_reach.windows(2).map(|reach| {
            // Between two places the chance falls by the same factor from segment to segment.
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

    /// Where the others are after the round, seen from its end, and at most a window ahead.
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
            // Beyond the window of before they go on losing, until the end of the window of now.
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
