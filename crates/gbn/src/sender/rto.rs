//! The retransmission timeout (RFC 6298).

use std::time::Duration;

use crate::config::{CONSTANT_RETRIES, INITIAL_RTO, MAX_BACK_OFF, MIN_RTO, Timeout};

/// The round-trip estimator, and the timeout computed from it.
#[derive(Debug, Clone)]
pub(super) struct Rto {
    timeout: Timeout,
    pub(super) rtt: Option<Rtt>,
    /// Timeouts since the last round-trip measurement.
    back_offs: u32,
    first_flight: FirstFlight,
}

/// What sets the timeout until the second round-trip measurement, if several streams share the sender's link.
///
/// Streams that begin together each put a whole window into the queue of that link, in any order. The first measurement is
/// that of the first segment, which did not wait for all of them. What is sent next does: only its measurement tells the
/// time.
#[derive(Debug, Clone)]
struct FirstFlight {
    measurements: u32,
    acknowledged: u32,
    /// The link takes at most this long for a segment: the shortest time for `n` segments so far, divided by `n`.
    per_segment: Duration,
    /// The streams that share the link, this one included.
    streams: u32,
    /// This stream's window, in segments.
    window: u32,
}

/// After this many timeouts in a row without a measurement, the timer may be shorter than the round trip.
const MAX_UNMEASURED: u32 = 3;

/// The slowest link on which streams that begin together are sure not to run into the first timer.
const SLOWEST_SEGMENTS_PER_S: u32 = 1000;

#[derive(Debug, Clone, Copy)]
pub(super) struct Rtt {
    pub(super) smoothed: Duration,
    pub(super) variation: Duration,
    pub(super) min: Duration,
}

impl Rto {
    pub(super) fn new(timeout: Timeout) -> Self {
        Self {
            timeout,
            rtt: None,
            back_offs: 0,
            first_flight: FirstFlight {
                measurements: 0,
                acknowledged: 0,
                per_segment: Duration::MAX,
                streams: 1,
                window: 1,
            },
        }
    }

    pub(super) fn set_sharing(&mut self, streams: u32, window: u32) {
        self.first_flight.streams = streams.max(1);
        self.first_flight.window = window;
    }

    /// Whether fewer than two round trips have been measured.
    pub(super) fn is_first_flight(&self) -> bool {
        self.first_flight.measurements < 2
    }

    /// Records that an ACK of the first flight acknowledged `segments` more, the last of which waited for it this long.
    pub(super) fn record_wait(&mut self, segments: u32, wait: Duration) {
        let flight = &mut self.first_flight;
        flight.acknowledged = flight.acknowledged.saturating_add(segments).max(1);
        flight.per_segment = flight.per_segment.min(wait / flight.acknowledged);
    }

    /// Records an unambiguous measurement and ends the back-off (RFC 6298 sections 2.2, 2.3 and 5.7).
    pub(super) fn record_rtt(&mut self, rtt: Duration) {
        self.back_offs = 0;
        self.first_flight.measurements = self.first_flight.measurements.saturating_add(1);
        self.rtt = Some(match self.rtt {
            None => Rtt {
                smoothed: rtt,
                variation: rtt / 2,
                min: rtt,
            },
            Some(old) => Rtt {
                variation: (old.variation * 3 + old.smoothed.abs_diff(rtt)) / 4,
                smoothed: (old.smoothed * 7 + rtt) / 8,
                min: old.min.min(rtt),
            },
        });
    }

    /// Doubles the timeout (RFC 6298 section 5.5). A fixed one runs a few more times before it doubles.
    pub(super) fn back_off(&mut self) {
        self.back_offs = self.back_offs.saturating_add(1);
    }

    /// Whether so many timeouts in a row have measured nothing that the timer may be shorter than the round trip.
    pub(super) fn is_perhaps_too_short(&self) -> bool {
        self.back_offs >= MAX_UNMEASURED
    }

    /// Whether a round trip of this length fits the measurements so far.
    pub(super) fn is_expected(&self, round_trip: Duration) -> bool {
        let longest = self.without_back_off();
        self.rtt
            .is_some_and(|rtt| (rtt.min..=longest).contains(&round_trip))
    }

    /// Ends the back-off without a measurement: the receiver that caused it is gone.
    pub(super) fn end_back_off(&mut self) {
        self.back_offs = 0;
    }

    /// The current timeout, back-off included.
    pub(super) fn current(&self) -> Duration {
        let timeout = self.without_back_off();
        let doublings = match self.timeout {
            Timeout::Fixed(_) => self.back_offs.saturating_sub(CONSTANT_RETRIES - 1),
            Timeout::Adaptive { .. } => self.back_offs,
        };
        let doubled = timeout.saturating_mul(1 << doublings.min(30));
        // The cap limits the doubling only: a longer timeout stays as it is.
        timeout.max(doubled.min(MAX_BACK_OFF))
    }

    /// The timeout before any back-off.
    pub(super) fn without_back_off(&self) -> Duration {
        let floor = match self.timeout {
            Timeout::Fixed(time) => return time.max(MIN_RTO),
            Timeout::Adaptive { floor } => floor.max(MIN_RTO),
        };
        match self.rtt {
            None => self.initial(),
            Some(rtt) => {
                let rto = rtt.smoothed + floor.max(rtt.variation * 4);
                rto.max((rto + self.queueing_delay()).min(self.initial()))
            }
        }
    }

    /// The timeout before the first measurement: enough for the first windows of all streams, unless the link is slower
    /// than any that is expected.
    fn initial(&self) -> Duration {
        let windows = Duration::from_secs(self.shared_windows().into()) / SLOWEST_SEGMENTS_PER_S;
        INITIAL_RTO.max(windows)
    }

    /// How much longer than one before it a segment of the first flight may wait for the windows of the other streams.
    fn queueing_delay(&self) -> Duration {
        if self.is_first_flight() {
            let per_segment = self.first_flight.per_segment;
            per_segment.saturating_mul(self.shared_windows())
        } else {
            Duration::ZERO
        }
    }

    /// The segments in the windows of all streams that share the link, or 0 if no other does.
    fn shared_windows(&self) -> u32 {
        match self.first_flight.streams {
            1 => 0,
            streams => streams.saturating_mul(self.first_flight.window),
        }
    }
}
