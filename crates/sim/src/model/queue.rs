//! A queue that does not hold what the window puts into it.

use super::path::Path;
use super::timer::Timer;

/// How long one stream takes whose queue overflows, in slots; `None` where the queue holds whatever the window puts into it.
///
/// Going back puts a window into the queue at once. What finds no room is lost, and becomes the next segment that is
/// gone back to: so a window larger than the queue goes back even where the link itself loses nothing.
///
/// - A queue shorter than the round trip is empty by then. Each time, so many segments get through as the queue holds or
///   as come before the next loss.
/// - A longer one still holds what ACKs have released meanwhile, which goes to waste, and has room for no more than a
///   round trip's worth. The next time it is empty again: the two take turns.
pub(super) fn overflowing(path: &Path) -> Option<f64> {
    let capacity = path.queue? as f64;
    let (window, round_trip) = (path.window as f64, path.round_trip);
    let left_behind = (window - round_trip).max(0.0);
    let needed = if path.loss > 0.0 {
        window + left_behind
    } else {
        window
    };
    if needed <= capacity {
        return None;
    }
    let timer = Timer::of(path).first;
    let into_empty = path.until_loss(if window > capacity {
        capacity
    } else {
        f64::INFINITY
    });
    let (gained, took) = if !path.fast {
        (into_empty, into_empty + round_trip - 1.0 + timer)
    } else if capacity <= round_trip {
        // The overflow shows only when the first ACKs' segments arrive, a loss as soon as the next segment does.
        let all_kept = path.kept().powf(capacity);
        (
            into_empty,
            into_empty + round_trip + all_kept * (round_trip - capacity),
        )
    } else {
        let into_rest = path.until_loss(round_trip);
        (
            into_empty + into_rest,
            into_empty + into_rest + capacity.min(window) + round_trip,
        )
    };
    Some(path.segments as f64 * took / gained + round_trip)
}
