//! How long segments took.

use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;

use crate::record::DelayQuantiles;

/// The delays of one run's segments: microseconds, to three significant figures.
#[derive(Debug)]
pub(super) struct SegmentDelays(Histogram<u32>);

impl SegmentDelays {
    const SIGNIFICANT_FIGURES: u8 = 3;
    /// A week, as long as a run may be.
    const LONGEST_MICROS: u64 = 7 * 24 * 3_600 * 1_000_000;

    pub(super) fn new() -> anyhow::Result<Self> {
        Histogram::new_with_max(Self::LONGEST_MICROS, Self::SIGNIFICANT_FIGURES)
            .map(Self)
            .context("a histogram of segment delays can't be made")
    }

    pub(super) fn record(&mut self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros);
    }

    /// `None` when no segment was delivered.
    pub(super) fn quantiles(&self) -> Option<DelayQuantiles> {
        let histogram = &self.0;
        let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1e3;
        (!histogram.is_empty()).then(|| DelayQuantiles {
            min_ms: histogram.min() as f64 / 1e3,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            max_ms: histogram.max() as f64 / 1e3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut delays = SegmentDelays::new().unwrap();
        assert_eq!(delays.quantiles(), None);
        for milliseconds in 1..=100 {
            delays.record(Duration::from_millis(milliseconds));
        }
        let quantiles = delays.quantiles().unwrap();
        let near = |value: f64, expected: f64| (value / expected - 1.0).abs() < 0.002;
        assert!(near(quantiles.min_ms, 1.0), "{quantiles:?}");
        assert!(near(quantiles.p50_ms, 50.0), "{quantiles:?}");
        assert!(near(quantiles.p99_ms, 99.0), "{quantiles:?}");
        assert!(near(quantiles.max_ms, 100.0), "{quantiles:?}");
    }
}
