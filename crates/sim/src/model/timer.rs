//! The retransmission timer: RFC 6298's estimator applied to the expected round trips.

use backroom_gbn::{DEFAULT_FLOOR, MAX_BACK_OFF};

use super::path::Path;

/// The timer of a cell, in slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    /// Length before any doubling.
    pub(super) first: f64,
    /// Maximum length after doubling; `None` for a fixed timer. It doubles only after several timeouts in a row, which the model
    /// ignores.
    cap: Option<f64>,
}

/// Maximum number of successive losses of a segment that the model considers.
const DOUBLINGS: i32 = 8;

impl Timer {
    /// The timer, if it reveals every loss and no later loss of the same window is noticed earlier.
    pub(super) fn of(path: &Path) -> Self {
        if let Some(first) = path.fixed_timer {
            return Self { first, cap: None };
        }
        let first = if path.fast || !path.fills_the_link() {
            path.round_trip.max(path.window as f64) + path.slots(DEFAULT_FLOOR.as_secs_f64())
        } else {
            over_the_cycles(path)
        };
        Self {
            first,
            cap: Some(path.slots(MAX_BACK_OFF.as_secs_f64())),
        }
    }

    /// Length after `times` timeouts in a row.
    pub(super) fn doubled(self, times: i32) -> f64 {
        match self.cap {
            None => self.first,
            Some(cap) => self.first.max((self.first * 2_f64.powi(times)).min(cap)),
        }
    }

    /// Mean length if the first segment after going back may be lost again: the timer doubles each time.
    pub(super) fn of_repeated(self, loss: f64) -> f64 {
        (0..DOUBLINGS)
            .map(|times| (1.0 - loss) * loss.powi(times) * self.doubled(times))
            .sum()
    }
}

/// The estimator's state.
#[derive(Clone, Copy)]
struct Estimate {
    smoothed: f64,
    variation: f64,
}

impl Estimate {
    fn after(self, round_trip: f64) -> Self {
        Self {
            smoothed: (self.smoothed * 7.0 + round_trip) / 8.0,
            variation: (self.variation * 3.0 + (self.smoothed - round_trip).abs()) / 4.0,
        }
    }

    fn timer(self, floor: f64) -> f64 {
        self.smoothed + floor.max(4.0 * self.variation)
    }

    fn plus(self, other: Self, weight: f64) -> Self {
        Self {
            smoothed: self.smoothed + weight * other.smoothed,
            variation: self.variation + weight * other.variation,
        }
    }
}

/// The mean timer over the losses of a transfer, if the window waits in the queue and only the timer reveals losses.
///
/// After going back the queue is short, and the first round trip measured is that of the path. Each further one, once
/// per window, is that of the whole window. So the timer depends on how many windows get through between two losses.
fn over_the_cycles(path: &Path) -> f64 {
    const MOST_CYCLES: f64 = 60.0;
    let (loss, kept) = (path.loss, path.kept());
    let floor = path.slots(DEFAULT_FLOOR.as_secs_f64());
    let cycles = (path.segments as f64 * loss / kept)
        .round()
        .clamp(1.0, MOST_CYCLES) as u32;
    let window = path.window as f64;
    let another_window = if path.window < path.segments {
        kept.powf(window)
    } else {
        0.0
    };
    let mut estimate = Estimate {
        smoothed: path.round_trip,
        variation: path.round_trip / 2.0,
    };
    let mut sum = 0.0;
    for _ in 0..cycles {
        let (next, timer) = over_the_windows(estimate, window, another_window, floor);
        sum += timer;
        let still_queued = (path.mean_wasted_slots() - (path.round_trip - 1.0 + timer)).max(0.0);
        estimate = next.after(path.round_trip + still_queued);
    }
    sum / f64::from(cycles)
}

/// The mean estimate and timer at a loss. Before the loss, each further window gets through with the probability
/// `another`.
fn over_the_windows(first: Estimate, window: f64, another: f64, floor: f64) -> (Estimate, f64) {
    const NEGLIGIBLE: f64 = 1e-4;
    const MOST_WINDOWS: usize = 60;
    let mut mean = Estimate {
        smoothed: 0.0,
        variation: 0.0,
    };
    let (mut timer, mut estimate, mut chance) = (0.0, first, 1.0);
    for _ in 0..MOST_WINDOWS {
        let ends_here = chance * (1.0 - another);
        mean = mean.plus(estimate, ends_here);
        timer += ends_here * estimate.timer(floor);
        chance *= another;
        if chance < NEGLIGIBLE {
            break;
        }
        estimate = estimate.after(window);
    }
    (
        mean.plus(estimate, chance),
        timer + chance * estimate.timer(floor),
    )
}
