//! The parameters of a cell for the model, in slots.

use backroom_gbn::{Recovery, Timeout};
use backroom_vocabulary::Delivery;

use crate::cell::Cell;
use crate::loss::{Burst, LossSide};
use crate::measurement::ms;
use crate::wire;

/// The parameters of a cell. Times are in slots: a slot is the transmission time of a full segment.
#[derive(Clone, Debug)]
pub(super) struct Path {
    /// Length of a slot in seconds: the transmission time of a segment and its copies.
    pub(super) slot_s: f64,
    /// Time from the start of a segment's transmission to the arrival of its ACK, with an empty queue.
    pub(super) round_trip: f64,
    /// Segments that may be outstanding.
    pub(super) window: usize,
    /// Segments of the file.
    pub(super) segments: usize,
    /// Probability that a segment is lost, that is, all its copies.
    pub(super) loss: f64,
    /// Probability that none of the ACKs of a segment that arrived reaches the sender. Each copy that arrives has an
    /// ACK.
    pub(super) ack_loss: f64,
    /// Mean number of segments lost in a row; `None` for independent losses.
    pub(super) burst: Option<f64>,
    /// Whether lost segments occupy the link of the sender: true if they are lost at the receivers' side.
    pub(super) lost_take_slots: bool,
    /// Segments that the link's queue holds.
    pub(super) queue: Option<usize>,
    pub(super) receivers: usize,
    pub(super) delivery: Delivery,
    /// Whether an ACK that reports a gap makes the sender go back.
    pub(super) fast: bool,
    /// The timer, if it is fixed.
    pub(super) fixed_timer: Option<f64>,
}

/// The effect of copies on the losses of the network.
struct Copied {
    /// Mean number of packets of a segment that occupy the link.
    slots: f64,
    loss: f64,
    ack_loss: f64,
    burst: Option<f64>,
}

impl Copied {
    fn new(cell: &Cell) -> Self {
        let (copies, lost) = (i32::from(cell.copies.count()), cell.loss);
        let burst = match cell.burst {
            Burst::Random => None,
            Burst::Mean(packets) => Some(packets),
        };
        // In a burst, the packet after a lost one is lost with a higher probability.
        let next_lost = burst.map_or(lost, |packets| 1.0 - 1.0 / packets);
        let loss = lost * next_lost.powi(copies - 1);
        let unanswered = (1.0 - (1.0 - lost).powi(2)).powi(copies);
        let ack_loss = match burst {
            None => (unanswered - loss) / (1.0 - loss),
            Some(_) => lost,
        };
        let slots = match cell.loss_side {
            // Only segments with a copy that was not lost take slots.
            LossSide::Sender => f64::from(copies) * (1.0 - lost) / (1.0 - loss),
            LossSide::Receivers => f64::from(copies),
        };
        Self {
            slots,
            loss,
            ack_loss,
            burst: burst.map(|_| 1.0 / (1.0 - next_lost.powi(copies))),
        }
    }
}

/// The slot of a link without a rate, in seconds: short compared with any delay.
const LEAST_SLOT_S: f64 = 1e-9;

impl Path {
    /// `None` for an automatic window and for a file of more segments than memory can address.
    pub(super) fn new(cell: &Cell) -> Option<Self> {
        let seconds_of = |bytes: u16| {
            cell.link
                .rate
                .map_or(0.0, |rate| f64::from(bytes) * 8.0 / (rate.mbps() * 1e6))
        };
        let packet_s = seconds_of(cell.segment_bytes.checked_add(wire::DATA_OVERHEAD_BYTES)?)
            .max(LEAST_SLOT_S);
        let losses = Copied::new(cell);
        // Duplicates that the network makes occupy the link, too.
        let slot_s = packet_s * losses.slots * (1.0 + cell.link.duplicate);
        let delay_ms = ms(cell.link.delay);
        let round_trip_s = packet_s + 2.0 * delay_ms / 1e3 + seconds_of(wire::ACK_PACKET_BYTES);
        let fixed_timer = match cell.timeout {
            Timeout::Adaptive { .. } => None,
            Timeout::Fixed(time) => Some(ms(time) / 1e3 / slot_s),
        };
        Some(Self {
            slot_s,
            round_trip: round_trip_s.max(slot_s) / slot_s,
            window: cell.window.fixed()?.segments().into(),
            segments: usize::try_from(cell.segments()).ok()?,
            loss: losses.loss,
            ack_loss: losses.ack_loss,
            burst: losses.burst,
            lost_take_slots: cell.loss_side == LossSide::Receivers,
            queue: cell
                .link
                .queue
                .filter(|_| cell.link.rate.is_some())
                .map(|packets| (packets / usize::from(cell.copies.count())).max(1)),
            receivers: usize::from(cell.receivers),
            delivery: cell.delivery,
            fast: cell.recovery == Recovery::Fast,
            fixed_timer,
        })
    }

    /// Converts seconds to slots.
    pub(super) fn slots(&self, seconds: f64) -> f64 {
        seconds / self.slot_s
    }

    /// Probability that a segment is not lost.
    pub(super) fn kept(&self) -> f64 {
        1.0 - self.loss
    }

    /// Whether a window fills the round trip, so that the link never waits for an ACK.
    pub(super) fn fills_the_link(&self) -> bool {
        self.window as f64 >= self.round_trip
    }

    /// Slots wasted by a lost segment: by the `segments` sent behind it and, if it occupied the link, by itself.
    pub(super) fn wasted_slots(&self, segments: usize) -> f64 {
        if self.lost_take_slots {
            1.0 + segments as f64
        } else {
            segments as f64 * self.kept()
        }
    }

    /// How many segments of the window follow a lost one, with the fraction of the file's segments for which this is
    /// true: the rest of a window, except at the end of the file.
    pub(super) fn behind_a_loss(&self) -> impl Iterator<Item = (usize, f64)> {
        let (segments, window) = (self.segments, self.window);
        let with_whole_window = (segments + 1).saturating_sub(window);
        let last = (0..window.min(segments + 1) - 1).map(|behind| (behind, 1));
        std::iter::once((window - 1, with_whole_window))
            .chain(last)
            .map(move |(behind, count)| (behind, count as f64 / segments as f64))
    }

    /// Mean number of slots wasted after a loss.
    pub(super) fn mean_wasted_slots(&self) -> f64 {
        self.behind_a_loss()
            .map(|(behind, share)| share * self.wasted_slots(behind))
            .sum()
    }

    /// Time of one stream without loss: each window takes a round trip, or a slot per segment if that is longer.
    pub(super) fn lossless(&self) -> f64 {
        let full_windows = (self.segments - 1) / self.window;
        let rest = self.segments - 1 - full_windows * self.window;
        full_windows as f64 * self.round_trip.max(self.window as f64)
            + rest as f64
            + self.round_trip
    }

    /// Parallel streams as the single stream that they resemble in a limited queue.
    pub(super) fn sharing_the_queue(&self) -> Self {
        let streams = match self.delivery {
            Delivery::Parallel => self.receivers,
            Delivery::Sequential | Delivery::IpMulticast => 1,
        };
        Self {
            window: self.window * streams,
            ..self.clone()
        }
    }

    /// Slots per segment without loss, in the long run.
    pub(super) fn slots_per_segment(&self) -> f64 {
        (self.round_trip / self.window as f64).max(1.0)
    }

    /// Mean number of segments that get through before one is lost, of at most `at_most`.
    pub(super) fn until_loss(&self, at_most: f64) -> f64 {
        if self.loss == 0.0 {
            at_most
        } else {
            self.kept() / self.loss * (1.0 - self.kept().powf(at_most))
        }
    }

    /// Probability that a segment gets no answer: it is lost, or the ACKs of all receivers are.
    ///
    /// One receiver is enough to report a gap.
    pub(super) fn unanswered(&self) -> f64 {
        let acks_lost = if self.loses_for_all() {
            self.ack_loss.powi(self.group_size() as i32)
        } else {
            self.ack_loss
        };
        1.0 - self.kept() * (1.0 - acks_lost)
    }

    /// Probability that some receiver's ACK of a segment is lost, so that the window does not advance.
    pub(super) fn some_ack_lost(&self) -> f64 {
        1.0 - (1.0 - self.ack_loss).powi(self.group_size() as i32)
    }

    /// Whether a lost segment is lost for all receivers of the stream.
    fn loses_for_all(&self) -> bool {
        self.group_size() == 1 || !self.lost_take_slots
    }

    /// Mean number of slots between a loss and the next answered segment, given that one of the next `behind` segments
    /// is answered. A lost segment takes a slot only if it occupied the link; one whose ACK is lost always does.
    pub(super) fn slots_until_answered(&self, behind: usize) -> f64 {
        let unanswered = self.unanswered();
        let (mut expected, mut chance) = (0.0, 1.0 - unanswered);
        let mut all = 0.0;
        for failed in 0..behind.min(MOST_FAILED) {
            expected += failed as f64 * chance;
            all += chance;
            chance *= unanswered;
        }
        let lost_ack = self.kept() * self.ack_loss;
        let slots = if self.lost_take_slots {
            unanswered
        } else {
            lost_ack
        };
        if all > 0.0 && unanswered > 0.0 {
            expected / all * slots / unanswered
        } else {
            0.0
        }
    }

    /// With a window of one: the probabilities that a segment is sent more than once, more than twice, and so on, until
    /// every receiver has it and the sender knows.
    pub(super) fn sent_again(&self) -> Vec<f64> {
        let receivers = self.group_size() as i32;
        let known_by_all = |times: usize| {
            if !self.loses_for_all() {
                return (1.0 - self.unanswered().powi(times as i32)).powi(receivers);
            }
            // Of `times` transmissions, `left` leave the sender. For each of them, every receiver's ACK may be lost.
            (0..=times)
                .map(|left| {
                    let ways = binomial(times, left);
                    let chance =
                        self.kept().powi(left as i32) * self.loss.powi((times - left) as i32);
                    ways * chance * (1.0 - self.ack_loss.powi(left as i32)).powi(receivers)
                })
                .sum()
        };
        (1..MOST_FAILED)
            .map(|times| 1.0 - known_by_all(times))
            .take_while(|more| *more > 1e-9)
            .collect()
    }

    /// Probability that a segment is resent `times` times and that a round trip can then be measured. `ends` is the
    /// probability of the former. The ACK that ends the wait has to come from a receiver that did not get the segment
    /// earlier.
    pub(super) fn measured_after(&self, times: i32, ends: f64) -> f64 {
        if self.loses_for_all() {
            let all_answer = (1.0 - self.ack_loss).powi(self.group_size() as i32);
            self.loss.powi(times) * self.kept() * all_answer
        } else {
            ends * (self.loss / self.unanswered()).powi(times)
        }
    }

    /// Number of receivers of one stream.
    pub(super) fn group_size(&self) -> usize {
        match self.delivery {
            Delivery::Sequential | Delivery::Parallel => 1,
            Delivery::IpMulticast => self.receivers,
        }
    }
}

/// Maximum number of successive losses that the model considers.
const MOST_FAILED: usize = 60;

fn binomial(n: usize, k: usize) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product()
}
