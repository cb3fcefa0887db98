//! How long segments took to be acknowledged.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::ack::Transmit;

const SIGNIFICANT_FIGURES: u8 = 3;

/// A week: what takes longer is taken to have taken that.
const LONGEST_MICROS: u64 = 7 * 24 * 3_600 * 1_000_000;

/// The time of each segment from its first transmission until every live receiver has acknowledged it, as a histogram of
/// microseconds to three significant figures (HDR). Waiting for the gap before it and for the ACK is in it.
///
/// It is beside the [`Sender`](super::Sender) for those who want to know: one entry is kept for each run that is
/// outstanding, not for each segment.
#[derive(Debug, Clone)]
pub struct SegmentDelays {
    /// What is outstanding, in the order of first transmissions.
    runs: VecDeque<Run>,
    base: u64,
    micros: Histogram<u32>,
}

/// Segments below `end`, down to where the run before it ends.
#[derive(Debug, Clone, Copy)]
struct Run {
    end: u64,
    sent: Instant,
}

impl SegmentDelays {
    /// For a stream that begins with segment `base`.
    pub fn new(base: u64) -> Self {
        Self {
            runs: VecDeque::new(),
            base,
            micros: Histogram::new(SIGNIFICANT_FIGURES)
                .expect("a histogram has up to five significant figures"),
        }
    }

    /// Takes note of what is sent at `now`, for the first time or again.
    pub fn handle_transmit(&mut self, transmit: &Transmit, now: Instant) {
        if transmit.retransmission {
            return;
        }
        let end = transmit.segments().end;
        match self.runs.back_mut() {
            Some(last) if last.sent == now => last.end = end,
            _ => self.runs.push_back(Run { end, sent: now }),
        }
    }

    /// Takes note that the segments below `base` are acknowledged as of `now`.
    pub fn handle_base(&mut self, base: u64, now: Instant) {
        while let Some(run) = self.runs.front()
            && self.base < base
        {
            let end = run.end.min(base);
            let delay = now.saturating_duration_since(run.sent);
            let micros = u64::try_from(delay.as_micros()).unwrap_or(LONGEST_MICROS);
            let count = end.saturating_sub(self.base) as u32;
            // It grows to hold the longest, for which any machine has room.
            let _ = self.micros.record_n(micros.min(LONGEST_MICROS), count);
            self.base = end;
            if run.end == end {
                self.runs.pop_front();
            }
        }
    }

    /// Adds what another stream's segments took.
    pub fn add(&mut self, other: &Self) {
        // Both can hold the longest.
        let _ = self.micros.add(&other.micros);
    }

    /// The delay that a share of the segments, from 0 to 1, did not exceed; at 0 the shortest, at 1 the longest. `None`
    /// where no segment was acknowledged.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let micros = match share {
            _ if self.micros.is_empty() => return None,
            share if share <= 0.0 => self.micros.min(),
            share if share >= 1.0 => self.micros.max(),
            share => self.micros.value_at_quantile(share),
        };
        Some(Duration::from_micros(micros))
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "an Instant has to come from somewhere"
)]
mod tests {
    use super::*;
    use crate::config::Copies;

    fn transmit(first: u64, count: usize, retransmission: bool) -> Transmit {
        Transmit {
            first,
            count,
            round: 0,
            retransmission,
            copies: Copies::ONE,
        }
    }

    #[test]
    fn a_segment_sent_again_counts_from_when_it_was_sent_first() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut delays = SegmentDelays::new(10);
        assert_eq!(delays.quantile(0.5), None);
        delays.handle_transmit(&transmit(10, 2, false), at(0));
        delays.handle_transmit(&transmit(12, 2, false), at(1));
        // The first of them arrives, the others are sent again.
        delays.handle_base(11, at(2));
        delays.handle_transmit(&transmit(11, 3, true), at(100));
        delays.handle_base(14, at(101));
        assert_eq!(delays.micros.len(), 4);
        assert_eq!(delays.quantile(0.0), Some(Duration::from_millis(2)));
        let near = |share: f64, ms: f64| {
            let delay = delays.quantile(share).unwrap().as_secs_f64() * 1e3;
            assert!((delay / ms - 1.0).abs() < 0.001, "{delay} at {share}");
        };
        near(0.5, 100.0);
        near(0.75, 100.0);
        near(1.0, 101.0);
        assert!(delays.runs.is_empty());
    }

    #[test]
    fn quantiles_are_those_of_all_streams_added() {
        let start = Instant::now();
        let mut all = SegmentDelays::new(0);
        for milliseconds in 1..=100 {
            let mut stream = SegmentDelays::new(0);
            stream.handle_transmit(&transmit(0, 3, false), start);
            stream.handle_base(3, start + Duration::from_millis(milliseconds));
            all.add(&stream);
        }
        for (share, expected) in [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            let delay = all.quantile(share).unwrap().as_secs_f64() * 1e3;
            assert!((delay / expected - 1.0).abs() < 0.002, "{delay} at {share}");
        }
    }

    #[test]
    fn what_is_still_outstanding_does_not_count() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut delays = SegmentDelays::new(0);
        delays.handle_transmit(&transmit(0, 1, false), at(0));
        delays.handle_transmit(&transmit(1, 1, false), at(9));
        delays.handle_base(1, at(10));
        assert_eq!(delays.quantile(0.0), Some(Duration::from_millis(10)));
        assert_eq!(delays.runs.len(), 1);
    }

    #[test]
    fn one_entry_is_kept_for_what_is_sent_at_once() {
        let start = Instant::now();
        let mut delays = SegmentDelays::new(0);
        for first in 0..1_000 {
            delays.handle_transmit(&transmit(first, 1, false), start);
        }
        assert_eq!(delays.runs.len(), 1);
    }
}
