//! The retransmission timeout (RFC 6298).

use std::time::Duration;

use crate::config::{INITIAL_RTO, MAX_BACK_OFF, MIN_RTO, Timeout};

/// The round-trip estimator, and the timeout computed from it.
#[derive(Debug, Clone)]
pub(super) struct Rto {
    timeout: Timeout,
    pub(super) rtt: Option<Rtt>,
    /// Timeouts since the last round-trip measurement.
    back_offs: u32,
}

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
        }
    }

    /// Records an unambiguous measurement and ends the back-off (RFC 6298 sections 2.2, 2.3 and 5.7).
    pub(super) fn record_rtt(&mut self, rtt: Duration) {
        self.back_offs = 0;
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

    /// Doubles the timeout (RFC 6298 section 5.5), unless it is fixed.
    pub(super) fn back_off(&mut self) {
        self.back_offs = self.back_offs.saturating_add(1);
    }

    /// Ends the back-off without a measurement: the receiver that caused it is gone.
    pub(super) fn end_back_off(&mut self) {
        self.back_offs = 0;
    }

    /// The current timeout, back-off included.
    pub(super) fn current(&self) -> Duration {
        let floor = match self.timeout {
            Timeout::Fixed(time) => return time.max(MIN_RTO),
            Timeout::Adaptive { floor } => floor.max(MIN_RTO),
        };
        let measured = match self.rtt {
            None => INITIAL_RTO,
            Some(rtt) => rtt.smoothed + floor.max(rtt.variation * 4),
        };
        let doubled = measured.saturating_mul(1 << self.back_offs.min(30));
        // The cap limits the doubling only: a measured timeout above it stays as it is.
        measured.max(doubled.min(MAX_BACK_OFF))
    }
}
