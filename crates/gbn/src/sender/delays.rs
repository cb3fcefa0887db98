//! A histogram of the time from a segment's first transmission to its acknowledgement.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::ack::Transmit;

const SIGNIFICANT_FIGURES: u8 = 3;

/// A week: longer delays are recorded as this.
const MAX_MICROS: u64 = 7 * 24 * 3_600 * 1_000_000;

/// The time from each segment's first transmission until every live receiver has acknowledged it, as an HDR histogram of
/// microseconds with three significant figures. It includes the time spent waiting for an earlier gap and for the ACK.
///
/// It is separate from the [`Sender`](super::Sender) because not every caller needs it. Memory: one entry for each
/// outstanding run, not for each segment.
#[derive(Debug, Clone)]
pub struct SegmentDelays {
    /// The outstanding runs in the order of their first transmissions.
    runs: VecDeque<Run>,
    base: u64,
    micros: Histogram<u32>,
}

/// The segments from the end of the previous run to `end`.
#[derive(Debug, Clone, Copy)]
struct Run {
    end: u64,
    sent: Instant,
}

impl SegmentDelays {
    /// Creates an empty histogram for a stream that starts at segment `base`.
    pub fn new(base: u64) -> Self {
        Self {
            runs: VecDeque::new(),
            base,
            micros: Histogram::new(SIGNIFICANT_FIGURES)
                .expect("a histogram has up to five significant figures"),
        }
    }

    /// Records what is sent at `now`. Retransmissions are ignored.
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

    /// Records that the segments below `base` were acknowledged at `now`.
    pub fn handle_base(&mut self, base: u64, now: Instant) {
        while let Some(run) = self.runs.front()
            && self.base < base
        {
            let end = run.end.min(base);
            let delay = now.saturating_duration_since(run.sent);
            let micros = u64::try_from(delay.as_micros()).unwrap_or(MAX_MICROS);
            let count = end.saturating_sub(self.base) as u32;
            // This fails only for a value that the histogram cannot grow to hold; `MAX_MICROS` rules that out.
            let _ = self.micros.record_n(micros.min(MAX_MICROS), count);
            self.base = end;
            if run.end == end {
                self.runs.pop_front();
            }
        }
    }

    /// Adds the delays of another stream.
    pub fn add(&mut self, other: &Self) {
        // This fails only if a value does not fit, and both histograms can hold `MAX_MICROS`.
        let _ = self.micros.add(&other.micros);
    }

    /// The quantile at `share`, from 0 (the shortest delay) to 1 (the longest). `None` if no segment was acknowledged.
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
    fn a_retransmitted_segment_counts_from_its_first_transmission() {
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
    fn adding_merges_the_histograms() {
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
    fn outstanding_segments_do_not_count() {
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
    fn segments_sent_at_once_share_one_entry() {
        let start = Instant::now();
        let mut delays = SegmentDelays::new(0);
        for first in 0..1_000 {
            delays.handle_transmit(&transmit(first, 1, false), start);
        }
        assert_eq!(delays.runs.len(), 1);
    }
}
