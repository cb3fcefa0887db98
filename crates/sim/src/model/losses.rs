//! The cost of the losses of one stream: how often the sender goes back, and what each time costs.

use super::Limit;
use super::compound::Cost;
use super::path::Path;
use super::timer::Timer;

/// How often a stream goes back, and at what cost.
#[derive(Clone, Debug)]
pub(super) struct Losses {
    /// The probability that the sender has to go back to a segment when it is the next one expected, and each time
    /// again.
    pub(super) chance: f64,
    pub(super) costs: Vec<Cost>,
}

impl Losses {
    fn new(chance: f64) -> Self {
        Self {
            chance,
            costs: Vec::new(),
        }
    }

    fn add(&mut self, slots: f64, weight: f64, limit: Limit) {
        if weight > 0.0 {
            self.costs.push(Cost {
                slots,
                weight,
                limit,
            });
        }
    }

    /// What most of the cost is spent on.
    pub(super) fn limit(&self) -> Limit {
        let spent_on = |limit: Limit| -> f64 {
            let costs = self.costs.iter().filter(|cost| cost.limit == limit);
            costs.map(|cost| cost.slots * cost.weight).sum()
        };
        [Limit::Loss, Limit::Queue, Limit::Timer]
            .into_iter()
            .max_by(|one, other| spent_on(*one).total_cmp(&spent_on(*other)))
            .unwrap_or(Limit::Loss)
    }
}

/// The losses of a stream that is alone on its link. `chance` is the probability of having to go back to a segment; it
/// exceeds the loss rate if one stream serves several receivers.
pub(super) fn of_stream(path: &Path, chance: f64) -> Losses {
    let timer = Timer::of(path);
    if path.window == 1 {
        of_single_segments(path, timer)
    } else if path.fills_the_link() {
        of_full_link(path, chance, timer)
    } else {
        of_bursts(path, chance, timer)
    }
}

/// The losses as the sender's link sees them: each one wastes the segments that follow in the window.
pub(super) fn of_link(path: &Path, chance: f64) -> Losses {
    let mut losses = Losses::new(chance);
    for (behind, weight) in path.behind_a_loss() {
        losses.add(path.wasted_slots(behind), weight, Limit::Queue);
    }
    losses
}

/// A window that fills the round trip. The link is never idle, and the segments that are queued behind a lost one are
/// sent before the sender can resend it.
fn of_full_link(path: &Path, chance: f64, timer: Timer) -> Losses {
    let mut losses = Losses::new(chance);
    let (loss, kept, round_trip) = (path.loss, path.kept(), path.round_trip);
    let timeouts = [
        (round_trip - 1.0 + timer.first, kept),
        (timer.of_repeated(loss), loss),
    ];
    for (behind, weight) in path.behind_a_loss() {
        let wasted = path.wasted_slots(behind);
        let mut add = |wait: f64, weight, limit| {
            if wasted > wait {
                losses.add(wasted, weight, Limit::Queue);
            } else {
                losses.add(wait, weight, limit);
            }
        };
        let unnoticed = if path.fast {
            path.unanswered().powi(behind as i32)
        } else {
            1.0
        };
        add(round_trip, weight * (1.0 - unnoticed), Limit::Loss);
        for (timeout, share) in timeouts {
            add(timeout, weight * unnoticed * share, Limit::Timer);
        }
    }
    losses
}

/// A window that does not fill the round trip. It is sent as a burst, back to back. Then the link is idle until the
/// ACKs arrive and release the next burst at the same pace. The cost of a loss depends on its place in the burst.
///
/// Let the burst begin at 0 and the lost segment be in place `k`. The segments that follow it in the burst reveal the
/// loss at once, and it is resent in slot `round trip + k`. The last segment is followed only by the next burst, so its
/// loss costs another round trip. Costs exclude the time that the `k` segments before it take in the long run.
fn of_bursts(path: &Path, chance: f64, timer: Timer) -> Losses {
    let mut losses = Losses::new(chance);
    let (window, round_trip) = (path.window, path.round_trip);
    // Going back begins a new burst, so the place of the next loss is geometric, modulo the window.
    let places = 1.0 - (1.0 - chance).powi(window as i32);
    for place in 0..window {
        let weight = (1.0 - chance).powi(place as i32) * chance / places;
        let place_slots = place as f64;
        let before = place_slots * path.slots_per_segment();
        let timeout = place_slots + round_trip - 1.0 + timer.first - before;
        if !path.fast {
            if place > 0 {
                losses.add(timeout, weight, Limit::Timer);
            } else {
                // The first segment after going back, or that of a later burst, whose timer starts at the last ACK.
                losses.add(timer.of_repeated(path.loss), chance, Limit::Timer);
                let waits = window as f64 - 1.0 + timer.first;
                losses.add(waits, weight - chance, Limit::Timer);
            }
            continue;
        }
        let behind = window - 1 - place;
        let (in_burst, in_next) = (
            path.unanswered().powi(behind as i32),
            path.unanswered().powi(place as i32),
        );
        let at_once = round_trip + place_slots + path.slots_until_answered(behind) - before;
        losses.add(at_once, weight * (1.0 - in_burst), Limit::Loss);
        if place > 0 {
            let after_next = 2.0 * round_trip - before;
            losses.add(after_next, weight * in_burst * (1.0 - in_next), Limit::Loss);
            losses.add(timeout, weight * in_burst * in_next, Limit::Timer);
        } else {
            let timeout = timer.of_repeated(path.loss);
            losses.add(timeout, weight * in_burst, Limit::Timer);
        }
    }
    losses
}

/// A window of one (stop-and-wait): every loss, including that of an ACK, waits for the timer.
///
/// The timer stays doubled until a round trip is measured, and an ACK of an earlier transmission gives no measurement
/// (Karn's rule). So the number of doublings is a Markov chain from segment to segment.
fn of_single_segments(path: &Path, timer: Timer) -> Losses {
    const DOUBLINGS: usize = 12;
    const SEGMENTS: usize = 100;
    let again = path.sent_again();
    let mut chances = vec![0.0; DOUBLINGS];
    chances[0] = 1.0;
    let mut waited = 0.0;
    for _ in 0..SEGMENTS {
        let mut next = vec![0.0; DOUBLINGS];
        waited = 0.0;
        for (doubled, chance) in chances.iter().enumerate() {
            for (times, more) in again.iter().enumerate() {
                // `more` is the probability that the segment is sent again after being resent `times` times.
                waited += chance * more * timer.doubled((doubled + times) as i32);
                let at_most = again.get(times + 1).copied().unwrap_or(0.0);
                let ends = more - at_most;
                let measured = path.measured_after(times as i32 + 1, ends);
                next[0] += chance * measured;
                next[(doubled + times + 1).min(DOUBLINGS - 1)] += chance * (ends - measured);
            }
            next[0] += chance * (1.0 - again.first().copied().unwrap_or(0.0));
        }
        chances = next;
    }
    let times: f64 = again.iter().sum();
    let mut losses = Losses::new(times / (1.0 + times));
    losses.add(waited / times.max(f64::MIN_POSITIVE), 1.0, Limit::Timer);
    losses
}
