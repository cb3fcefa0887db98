//! When a receiver in a group acknowledges.

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use backroom_gbn::Received;

/// How long an ACK may be delayed while more segments arrive, for each segment that may go without one. With as many receivers that
/// limits the sender to about 5,000 ACKs a second.
const INTERVAL_PER_SEGMENT: Duration = Duration::from_micros(50);

/// How long an ACK may be delayed if no more segments arrive. The delay grows with the number of receivers, so that slowly
/// arriving segments do not flood the sender with ACKs either, and stays well below a retransmission timeout.
const MIN_LAST_ACK_DELAY: Duration = Duration::from_millis(1);
const MAX_LAST_ACK_DELAY: Duration = Duration::from_millis(5);

/// Delays ACKs so that all receivers of a group together do not flood the sender.
///
/// A gap, a duplicate, a new round and a lack of space are acknowledged at once. Other ACKs wait for a number of segments or for a
/// time, whichever comes first.
#[derive(Debug)]
pub(super) struct AckPace {
    ack_every: u16,
    /// Segments since the last ACK.
    unacknowledged: u16,
    round: u16,
    is_urgent: bool,
    last_ack: Option<Instant>,
    /// When a delayed ACK is due though nothing more arrives.
    pub(super) deadline: Option<Instant>,
}

impl AckPace {
    pub(super) fn new(ack_every: NonZeroU16) -> Self {
        Self {
            ack_every: ack_every.get(),
            unacknowledged: 0,
            round: 0,
            is_urgent: false,
            last_ack: None,
            deadline: None,
        }
    }

    /// Records a segment. A copy is not acknowledged again: what is sent twice would cause two ACKs.
    pub(super) fn record_segment(&mut self, received: Received, round: u16) {
        if received == Received::Copy {
            return;
        }
        self.is_urgent |= received != Received::Deliver || round != self.round;
        self.round = round;
        self.unacknowledged = self.unacknowledged.saturating_add(1);
    }

    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let interval = INTERVAL_PER_SEGMENT * u32::from(self.ack_every);
        let waited = |last| now.saturating_duration_since(last) >= interval;
        let waited_too_long = self.deadline.is_some_and(|until| now >= until);
        let waited = self.last_ack.is_none_or(waited) || waited_too_long;
        let is_due = self.is_urgent
            || self.unacknowledged >= self.ack_every
            || (self.unacknowledged > 0 && waited);
        if !is_due && self.unacknowledged > 0 {
            let delay = interval.clamp(MIN_LAST_ACK_DELAY, MAX_LAST_ACK_DELAY);
            self.deadline.get_or_insert(now + delay);
        }
        is_due
    }

    pub(super) fn record_ack(&mut self, now: Instant) {
        self.unacknowledged = 0;
        self.is_urgent = false;
        self.last_ack = Some(now);
        self.deadline = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pace of 10 that has just acknowledged, and that time.
    fn pace() -> (AckPace, Instant) {
        let mut pace = AckPace::new(NonZeroU16::new(10).unwrap());
        let now = Instant::now();
        pace.record_ack(now);
        (pace, now)
    }

    #[test]
    fn an_ack_waits_for_a_number_of_segments_or_for_a_time() {
        let (mut pace, now) = pace();
        for _ in 0..9 {
            pace.record_segment(Received::Deliver, 0);
            assert!(!pace.is_due(now));
        }
        pace.record_segment(Received::Deliver, 0);
        assert!(pace.is_due(now));
        pace.record_ack(now);
        pace.record_segment(Received::Deliver, 0);
        assert!(!pace.is_due(now + INTERVAL_PER_SEGMENT * 9));
        assert!(pace.is_due(now + INTERVAL_PER_SEGMENT * 10));
    }

    #[test]
    fn gaps_duplicates_and_new_rounds_are_acknowledged_at_once() {
        for received in [Received::Duplicate, Received::OutOfOrder, Received::NoSpace] {
            let (mut pace, now) = pace();
            pace.record_segment(received, 0);
            assert!(pace.is_due(now), "{received:?}");
        }
        let (mut pace, now) = pace();
        pace.record_segment(Received::Deliver, 1);
        assert!(pace.is_due(now), "a new round");
    }

    #[test]
    fn a_copy_causes_no_ack() {
        let (mut pace, now) = pace();
        for _ in 0..100 {
            pace.record_segment(Received::Copy, 0);
        }
        assert!(!pace.is_due(now) && !pace.is_due(now + INTERVAL_PER_SEGMENT * 100));
        assert_eq!(pace.deadline, None, "nothing is owed");
    }

    #[test]
    fn a_delayed_ack_becomes_due_though_nothing_more_arrives() {
        let (mut pace, now) = pace();
        assert!(!pace.is_due(now));
        assert_eq!(pace.deadline, None, "nothing is owed");
        pace.record_segment(Received::Deliver, 0);
        assert!(!pace.is_due(now));
        let deadline = pace.deadline.unwrap();
        assert!(pace.is_due(deadline));
        pace.record_ack(deadline);
        assert_eq!(pace.deadline, None);
    }

    #[test]
    fn many_receivers_delay_their_acks_longer_but_never_as_long_as_a_timeout() {
        for (ack_every, longest_us) in [(4, 1_000), (64, 3_200), (256, 5_000)] {
            let now = Instant::now();
            let mut pace = AckPace::new(NonZeroU16::new(ack_every).unwrap());
            pace.record_segment(Received::Deliver, 0);
            pace.is_due(now);
            pace.record_ack(now);
            pace.record_segment(Received::Deliver, 0);
            assert!(!pace.is_due(now), "{ack_every}");
            let longest = pace.deadline.unwrap() - now;
            assert_eq!(longest, Duration::from_micros(longest_us), "{ack_every}");
        }
    }
}
