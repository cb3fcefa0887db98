//! The model: the completion time of a cell that theory expects, from first principles.
//!
//! # Notation
//!
//! Time is counted in *slots*. A slot is the time that a full segment takes on the link. `B` is the round trip of an
//! empty path in slots, including all transmissions. `W` is the window, `N` the number of segments of the file, and `p`
//! the loss rate.
//!
//! 1. **Without loss** a window takes a round trip or, if that is longer, its own transmission: `W / max(B, W)`
//!    segments per slot, plus the last round trip (Stallings, *Data and Computer Communications*, the appendix on the
//!    performance of ARQ; `1 + 2a` there is `B` here).
//! 2. **A loss** makes the sender go back. The segments behind the lost one are useless. So each segment of the file is
//!    lost with the probability `p` when it is the next one expected, and again with `p` each time it is resent. The
//!    number of times that the sender goes back is therefore negative binomial, with the mean `N p / (1 - p)`
//!    (Schwartz, *Telecommunication Networks*, 4.2, counts in this way). Losses of segments that are useless anyway
//!    cost nothing.
//! 3. **The cost of going back** depends on the window (`losses`). It is a round trip if the window does not fill the
//!    round trip, and the whole window if that waits in the queue. It is the timer (`timer`: RFC 6298) if nothing else
//!    reveals the loss: with a window of one, at the end of the file, and always with the recovery `timeout`.
//! 4. **The time** is the time without loss plus a random number of random costs. The model gives its median
//!    (`compound`: Panjer's recursion), because the lab compares it with a measured median.
//!
//! Several receivers:
//!
//! - Sequential: the times add up.
//! - Parallel: each stream takes its time, and the slowest of `R` determines the total, so its quantile is `0.5^(1/R)`.
//!   All streams together also need the sender's link for everything they send, which may take longer.
//! - IP multicast (`group`): a loss at the sender's side is one loss for all receivers. At the receivers' side each
//!   receiver loses independently, and going back for one repairs the losses of the others.
//!
//! The module `queue` handles a queue with a limit.
//!
//! With `n` copies of each segment, a slot is the time of all copies, and `p` is the probability that all of them are
//! lost. It is `p^n` for independent losses, and for bursts the probability that a burst lasts from the first copy to
//! the last. Each copy that arrives has its ACK, so it is as rare that a segment arrives and all its ACKs are lost.
//!
//! # Assumptions
//!
//! - Packets are lost independently. A burst counts as one loss. A window later, when the segment is resent, the burst
//!   may still last; its probability has decayed by then.
//! - ACKs are cumulative, so the next ACK makes up for a lost one. The model includes that a lost ACK stalls a window
//!   that just fills the round trip, but no other effects of lost ACKs.
//! - Parallel streams do not wait for each other's bursts, and this does not make their timers expire.
//! - There is no jitter, and receivers answer at once.
//! - Several streams share a limited queue as one stream with all their windows would.
//!
//! If the window holds most of the file, one stream to many receivers that lose independently takes up to two thirds
//! longer than expected: all receivers begin at the same place, but the model spreads their losses evenly.

mod compound;
mod group;
mod losses;
mod path;
mod queue;
mod timer;

use backroom_gbn::{Window, WindowSetting};
use backroom_vocabulary::Delivery;

use self::path::Path;
use crate::cell::Cell;

/// The expected result of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expectation {
    /// Bits of the file over `seconds`, in 10^6 bit/s.
    pub goodput_mbps: f64,
    /// Median time until the last receiver has the whole file.
    pub seconds: f64,
    /// What most of the time is spent on.
    pub limit: Limit,
}

/// What limits the goodput of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The window does not fill the round trip.
    Window,
    /// The link's rate.
    Link,
    /// Round trips spent on losses.
    Loss,
    /// Waiting for the retransmission timer.
    Timer,
    /// Segments in the queue when the sender goes back, or segments that do not fit into it.
    Queue,
}

/// The goodput expected of a cell, in 10^6 bit/s. `None` if the model does not cover the cell.
pub fn goodput_mbps(cell: &Cell) -> Option<f64> {
    expectation(cell).map(|expected| expected.goodput_mbps)
}

/// The expected result of a cell. `None` if the model does not cover it: with a fixed timer shorter than the round
/// trip, or with losses in bursts whose mean length is at least the window.
pub fn expectation(cell: &Cell) -> Option<Expectation> {
    match cell.window {
        WindowSetting::Fixed(_) => of_fixed_window(cell),
        WindowSetting::Auto => of_best_window(cell),
    }
}

/// The automatic window is expected to perform like the best of these.
const WINDOWS: [u16; 19] = [
    1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024,
];

fn of_best_window(cell: &Cell) -> Option<Expectation> {
    let mut cell = cell.clone();
    let expectations = WINDOWS.iter().filter_map(|segments| {
        cell.window = Window::try_from(*segments).ok()?.into();
        of_fixed_window(&cell)
    });
    expectations.max_by(|one, other| one.goodput_mbps.total_cmp(&other.goodput_mbps))
}

fn of_fixed_window(cell: &Cell) -> Option<Expectation> {
    let path = Path::new(cell)?;
    if path
        .fixed_timer
        .is_some_and(|timer| timer < path.round_trip)
    {
        return None;
    }
    let (slots, limit) = duration(&path)?;
    let seconds = slots * path.slot_s;
    Some(Expectation {
        goodput_mbps: cell.file_bytes as f64 * 8.0 / seconds / 1e6,
        seconds,
        limit,
    })
}

/// The time of a cell in slots, and what limits it.
fn duration(path: &Path) -> Option<(f64, Limit)> {
    let receivers = path.receivers as f64;
    if let Some(slots) = queue::overflowing(&path.sharing_the_queue()) {
        let streams = receivers / path.group_size() as f64;
        return Some((slots * streams, Limit::Queue));
    }
    let chance = chance_to_go_back(path)?;
    let stream = Stream::new(path, chance);
    Some(match path.delivery {
        Delivery::IpMulticast => stream.quantile(1.0, 0.5),
        Delivery::Sequential => stream.quantile(receivers, 0.5),
        Delivery::Parallel => {
            let slowest = stream.quantile(1.0, 0.5_f64.powf(1.0 / receivers));
            let link = all_on_the_link(path, chance);
            if link.0 > slowest.0 { link } else { slowest }
        }
    })
}

/// The probability that the sender has to go back to a segment when it is the next one expected.
fn chance_to_go_back(path: &Path) -> Option<f64> {
    let Some(packets) = path.burst.filter(|_| path.loss > 0.0) else {
        return Some(group::chance(path));
    };
    if path.window as f64 <= packets {
        return None;
    }
    // Gilbert's chain: at each packet a burst begins and ends with these probabilities. The correlation with a packet a
    // window earlier is the remainder, to the power of the window.
    let (begins, ends) = (path.loss / (1.0 - path.loss) / packets, 1.0 / packets);
    let remembered = (1.0 - begins - ends).max(0.0).powf(path.window as f64);
    let lost_again = path.loss + (1.0 - path.loss) * remembered;
    let times = begins / (1.0 - lost_again);
    Some(times / (1.0 + times))
}

/// One stream, as if it were alone on the link.
struct Stream<'a> {
    path: &'a Path,
    lossless: f64,
    losses: losses::Losses,
}

impl<'a> Stream<'a> {
    fn new(path: &'a Path, chance: f64) -> Self {
        let stalls = if path.fills_the_link() {
            let in_queue = path.window as f64 - path.round_trip;
            path.segments as f64 * path.some_ack_lost().powf(1.0 + in_queue)
        } else {
            0.0
        };
        Self {
            path,
            lossless: path.lossless() + stalls,
            losses: losses::of_stream(path, chance),
        }
    }

    /// The quantile of the time to send the file `times` times in succession.
    fn quantile(&self, times: f64, quantile: f64) -> (f64, Limit) {
        let segments = times * self.path.segments as f64;
        let losses = &self.losses;
        let lost = compound::quantile(segments, losses.chance, &losses.costs, quantile);
        let lossless = times * self.lossless;
        let limit = if lost > lossless {
            losses.limit()
        } else if self.path.fills_the_link() {
            Limit::Link
        } else {
            Limit::Window
        };
        (lossless + lost, limit)
    }
}

/// The time that the sender's link needs for everything that parallel streams send.
fn all_on_the_link(path: &Path, chance: f64) -> (f64, Limit) {
    let segments = (path.receivers * path.segments) as f64;
    let losses = losses::of_link(path, chance);
    let wasted = compound::quantile(segments, losses.chance, &losses.costs, 0.5);
    let limit = if wasted > segments {
        Limit::Queue
    } else {
        Limit::Link
    };
    (path.round_trip - 1.0 + segments + wasted, limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes::cells;
    use crate::axes::tests::axes;
    use crate::simulation::tests::simulate_cell;

    /// The simulated and the expected time of a cell, in seconds.
    struct Compared {
        simulated: f64,
        expected: Expectation,
    }

    impl Compared {
        fn difference(&self) -> f64 {
            (self.simulated / self.expected.seconds - 1.0).abs()
        }
    }

    /// The median of ten simulated runs and the model, for every cell of these axes.
    fn compare(settings: &[&str]) -> Vec<Compared> {
        let cells = cells(&axes(settings)).unwrap();
        let compared = cells.iter().map(|cell| {
            let mut seconds: Vec<_> = (1..=10)
                .map(|seed| simulate_cell(cell, seed).seconds.unwrap())
                .collect();
            seconds.sort_by(f64::total_cmp);
            Compared {
                simulated: (seconds[4] + seconds[5]) / 2.0,
                expected: expectation(cell).unwrap(),
            }
        });
        compared.collect()
    }

    /// Asserts that at least `within` of the cells are within 10 % of the model, and half of them within `median`.
    fn assert_near(compared: &[Compared], within: f64, median: f64) {
        let mut differences: Vec<_> = compared.iter().map(Compared::difference).collect();
        differences.sort_by(f64::total_cmp);
        let near = differences.iter().filter(|difference| **difference <= 0.1);
        let share = near.count() as f64 / differences.len() as f64;
        let middle = differences[differences.len() / 2];
        assert!(
            share >= within && middle <= median,
            "{share} of the cells within 10 %, median difference {middle}"
        );
    }

    #[test]
    fn windows_of_1_to_1024_that_lose_up_to_a_tenth_take_what_the_model_expects() {
        let settings = &[
            "file=2MiB",
            "window=1,2,5,10,20,40,100,300,1024",
            "loss=0,0.002,0.01,0.03,0.1",
        ];
        assert_near(&compare(settings), 0.95, 0.02);
    }

    #[test]
    fn recovery_by_timer_alone_takes_what_the_model_expects() {
        let settings = &[
            "file=2MiB",
            "recovery=timeout",
            "timeout=adaptive,200ms",
            "window=1,5,20,100",
            "loss=0.01,0.05",
        ];
        assert_near(&compare(settings), 0.9, 0.05);
    }

    #[test]
    fn copies_take_what_the_model_expects() {
        let settings = &[
            "file=2MiB",
            "loss_side=sender,receivers",
            "copies=2,3",
            "window=1,5,10,20,100",
            "loss=0,0.01,0.05,0.1",
        ];
        assert_near(&compare(settings), 0.95, 0.02);
    }

    #[test]
    fn copies_lost_in_bursts_take_what_the_model_expects() {
        let settings = &[
            "file=2MiB",
            "burst=5",
            "copies=2,3",
            "window=10,20,100",
            "loss=0.01,0.05",
        ];
        assert_near(&compare(settings), 0.8, 0.05);
    }

    #[test]
    fn duplicates_take_what_the_model_expects() {
        let settings = &[
            "file=2MiB",
            "duplicate=0.1,0.5",
            "window=5,20,100",
            "loss=0,0.01",
        ];
        assert_near(&compare(settings), 0.9, 0.05);
    }

    #[test]
    fn several_receivers_take_what_the_model_expects() {
        let settings = &[
            "cast=broadcast",
            "receivers=2,8",
            "file=512KiB",
            "delivery=sequential,parallel,ip-multicast",
            "loss_side=sender,receivers",
            "window=5,20,50",
            "loss=0,0.03",
        ];
        assert_near(&compare(settings), 0.9, 0.05);
    }

    #[test]
    fn a_queue_that_overflows_takes_about_what_the_model_expects() {
        let settings = &[
            "file=1MiB",
            "queue=10,50",
            "window=5,100,200",
            "loss=0,0.01,0.05",
        ];
        assert_near(&compare(settings), 0.8, 0.06);
    }

    #[test]
    fn the_limit_is_named() {
        let limit = |settings: &[&str]| {
            let settings = [&["file=256KiB"], settings].concat();
            compare(&settings)[0].expected.limit
        };
        assert_eq!(limit(&["window=5"]), Limit::Window);
        assert_eq!(limit(&["window=50"]), Limit::Link);
        assert_eq!(limit(&["window=10", "loss=0.2"]), Limit::Loss);
        assert_eq!(limit(&["window=100", "loss=0.05"]), Limit::Queue);
        assert_eq!(limit(&["window=100", "queue=10"]), Limit::Queue);
        let timer = ["window=10", "loss=0.1", "recovery=timeout", "timeout=1s"];
        assert_eq!(limit(&timer), Limit::Timer);
    }
}
