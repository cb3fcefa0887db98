//! Hearing a group: the stream that comes to all receivers, until one comes to this one alone.

use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use backroom_gbn::Received;
use backroom_protocol::Key;
use backroom_protocol::segment::{
    AckSealer, GROUP_LANE, ProbeOpener, SegmentBytes, SegmentOpener, Stream,
};

use super::driver::BUFFERS;
use crate::udp::{ReceiveBuffers, UdpEndpoint};

/// How long an ACK may be put off because others come for sure, for each segment that may go without: with as many
/// receivers that makes some five thousand ACKs a second at the sender.
const INTERVAL_PER_SEGMENT: Duration = Duration::from_micros(50);

/// How long the last ACK may be put off: with few receivers the tick of the timers, with many their interval, so that they swamp
/// nobody either when segments come slowly, and in any case well below a retransmission timeout.
const LEAST_LAST_ACK_TIME: Duration = Duration::from_millis(1);
const MOST_LAST_ACK_TIME: Duration = Duration::from_millis(5);

/// The group that a file's segments come to first, and what was agreed about it.
#[derive(Debug)]
pub struct GroupMembership {
    /// The socket that hears the group.
    pub endpoint: UdpEndpoint,
    /// The key that its segments are sealed with.
    pub stream_key: Key,
    /// After how many segments at the latest to acknowledge.
    pub ack_every: NonZeroU16,
}

/// The group's stream as this receiver has it.
pub(super) struct GroupLane {
    pub(super) endpoint: UdpEndpoint,
    pub(super) stream: Stream,
    pub(super) opener: SegmentOpener,
    pub(super) probes: ProbeOpener,
    pub(super) acks: AckSealer,
    pub(super) pace: AckPace,
    pub(super) buffers: ReceiveBuffers,
}

impl GroupLane {
    pub(super) fn new(
        membership: GroupMembership,
        own: Stream,
        receiver: u16,
        ack_key: &Key,
        segment_bytes: SegmentBytes,
    ) -> Self {
        let GroupMembership {
            endpoint,
            stream_key,
            ack_every,
        } = membership;
        let stream = Stream {
            lane: GROUP_LANE,
            ..own
        };
        let datagram_bytes = segment_bytes.datagram_bytes();
        Self {
            buffers: endpoint.receive_buffers(datagram_bytes, BUFFERS),
            endpoint,
            stream,
            opener: SegmentOpener::new(stream, &stream_key),
            probes: ProbeOpener::new(stream, &stream_key),
            acks: AckSealer::new(stream, receiver, ack_key),
            pace: AckPace::new(ack_every),
        }
    }
}

/// Waits until the group may have something. For ever without one.
pub(super) async fn readable(group: Option<&GroupLane>) -> std::io::Result<()> {
    match group {
        Some(group) => group.endpoint.readable().await,
        None => std::future::pending().await,
    }
}

/// When to acknowledge in a group, so that all receivers together don't swamp the sender.
///
/// What it must know soon is told at once: a gap, a repetition, a new round, no space, the end. Otherwise an ACK waits
/// for a number of segments or for a time, whichever is first; and for no more segments, not long.
#[derive(Debug)]
pub(super) struct AckPace {
    every: u16,
    /// Delivered since the last ACK.
    delivered: u16,
    round: u16,
    urgent: bool,
    last: Option<Instant>,
    put_off_until: Option<Instant>,
}

impl AckPace {
    fn new(every: NonZeroU16) -> Self {
        Self {
            every: every.get(),
            delivered: 0,
            round: 0,
            urgent: false,
            last: None,
            put_off_until: None,
        }
    }

    /// Takes note of a segment. One more copy of what was delivered is nothing new, and what is sent twice must not be
    /// acknowledged twice.
    pub(super) fn note(&mut self, received: Received, round: u16) {
        if received == Received::Copy {
            return;
        }
        self.urgent |= received != Received::Deliver || round != self.round;
        self.round = round;
        self.delivered = self.delivered.saturating_add(1);
    }

    /// Whether to acknowledge now what has arrived.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let interval = INTERVAL_PER_SEGMENT * u32::from(self.every);
        let waited = |last| now.saturating_duration_since(last) >= interval;
        let waited_too_long = self.put_off_until.is_some_and(|until| now >= until);
        let waited = self.last.is_none_or(waited) || waited_too_long;
        let is_due = self.urgent || self.delivered >= self.every || (self.delivered > 0 && waited);
        if !is_due && self.delivered > 0 {
            let longest = interval.clamp(LEAST_LAST_ACK_TIME, MOST_LAST_ACK_TIME);
            self.put_off_until.get_or_insert(now + longest);
        }
        is_due
    }

    /// Takes note of an ACK.
    pub(super) fn acknowledged(&mut self, now: Instant) {
        self.delivered = 0;
        self.urgent = false;
        self.last = Some(now);
        self.put_off_until = None;
    }

    /// When to ask again though nothing more has arrived.
    pub(super) fn put_off_until(&self) -> Option<Instant> {
        self.put_off_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pace of 10 that has just acknowledged, and that time.
    fn pace() -> (AckPace, Instant) {
        let mut pace = AckPace::new(NonZeroU16::new(10).unwrap());
        let now = crate::file::timer::now();
        pace.acknowledged(now);
        (pace, now)
    }

    #[test]
    fn an_ack_waits_for_so_many_segments_or_for_a_time() {
        let (mut pace, now) = pace();
        for _ in 0..9 {
            pace.note(Received::Deliver, 0);
            assert!(!pace.is_due(now));
        }
        pace.note(Received::Deliver, 0);
        assert!(pace.is_due(now));
        pace.acknowledged(now);
        pace.note(Received::Deliver, 0);
        assert!(!pace.is_due(now + INTERVAL_PER_SEGMENT * 9));
        assert!(pace.is_due(now + INTERVAL_PER_SEGMENT * 10));
    }

    #[test]
    fn what_the_sender_must_know_is_told_at_once() {
        for received in [Received::Duplicate, Received::OutOfOrder, Received::NoSpace] {
            let (mut pace, now) = pace();
            pace.note(received, 0);
            assert!(pace.is_due(now), "{received:?}");
        }
        let (mut pace, now) = pace();
        pace.note(Received::Deliver, 1);
        assert!(pace.is_due(now), "a new round");
    }

    #[test]
    fn a_copy_makes_no_ack_due() {
        let (mut pace, now) = pace();
        for _ in 0..100 {
            pace.note(Received::Copy, 0);
        }
        assert!(!pace.is_due(now) && !pace.is_due(now + INTERVAL_PER_SEGMENT * 100));
        assert_eq!(pace.put_off_until(), None, "nothing is owed");
    }

    #[test]
    fn an_ack_that_was_put_off_goes_though_nothing_more_arrives() {
        let (mut pace, now) = pace();
        assert!(!pace.is_due(now));
        assert_eq!(pace.put_off_until(), None, "nothing is owed");
        pace.note(Received::Deliver, 0);
        assert!(!pace.is_due(now));
        let until = pace.put_off_until().unwrap();
        assert!(pace.is_due(until));
        pace.acknowledged(until);
        assert_eq!(pace.put_off_until(), None);
    }

    #[test]
    fn many_receivers_put_their_acks_off_for_longer_but_never_until_the_sender_gives_up() {
        for (every, longest_us) in [(4, 1_000), (64, 3_200), (256, 5_000)] {
            let now = Instant::now();
            let mut pace = AckPace::new(NonZeroU16::new(every).unwrap());
            pace.note(Received::Deliver, 0);
            pace.is_due(now);
            pace.acknowledged(now);
            pace.note(Received::Deliver, 0);
            assert!(!pace.is_due(now), "{every}");
            let longest = pace.put_off_until().unwrap() - now;
            assert_eq!(longest, Duration::from_micros(longest_us), "{every}");
        }
    }
}
