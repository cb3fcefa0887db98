//! Queues that overflow.

use super::path::Path;
use super::timer::Timer;

/// Time in slots of one stream whose queue overflows; `None` if the queue holds everything that the window puts into
/// it.
///
/// Going back puts a whole window into the queue at once. The segment that finds no room is lost, and is the next one
/// to go back to. So a window larger than the queue goes back even if the link itself loses nothing.
///
/// - A queue shorter than the round trip is empty by then. Each time, as many segments get through as the queue holds
///   or as come before the next loss.
/// - A longer queue still holds segments that ACKs have released in the meantime. They are wasted, and leave room for
///   at most a round trip of segments. The next time the queue is empty again, so the two cases alternate.
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
        // An overflow is noticed only when the segments that the first ACKs released arrive, a loss as soon as the next
        // segment does.
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
