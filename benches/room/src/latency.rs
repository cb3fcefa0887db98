//! Times from the moment at which something was due until it had come to everyone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest time that is told apart, in microseconds; longer ones count as this.
const LONGEST_US: u64 = 60_000_000;

/// Collects latencies from many tasks.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    origin: Instant,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    /// Texts of earlier phases come too late to count.
    phase: u32,
    histogram: Histogram<u64>,
}

/// What is said of one phase.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Percentiles {
    /// Messages that came.
    pub(crate) received: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latencies {
    /// Nothing yet.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let histogram = Histogram::new_with_max(LONGEST_US, 3)?;
        let shared = Shared {
            phase: 0,
            histogram,
        };
        Ok(Self {
            origin: Instant::now(),
            shared: Arc::new(Mutex::new(shared)),
        })
    }

    /// Begins a phase of its own: what belongs to an earlier one no longer counts.
    pub(crate) fn begin(&self) -> u32 {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.phase += 1;
        shared.histogram.reset();
        shared.phase
    }

    /// A text of `bytes` that says to which phase it belongs and when it was due.
    pub(crate) fn text(&self, phase: u32, due: Instant, bytes: usize) -> String {
        let since = due.saturating_duration_since(self.origin).as_micros();
        let mut text = format!("{phase} {since} ");
        while text.len() < bytes {
            text.push('.');
        }
        text
    }

    /// A text of [`Latencies::text`] has just come. Any other is no concern of ours.
    pub(crate) fn received(&self, text: &str) {
        let now_us = self.origin.elapsed().as_micros() as u64;
        let mut words = text.split(' ');
        let mut number = || words.next()?.parse::<u64>().ok();
        let (Some(phase), Some(due_us)) = (number(), number()) else {
            return;
        };
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if phase == u64::from(shared.phase) {
            shared
                .histogram
                .saturating_record(now_us.saturating_sub(due_us));
        }
    }

    /// Waits until `expected` messages of this phase have come, at most `patience`.
    pub(crate) async fn wait_for(&self, expected: u64, patience: Duration) {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        let deadline = Instant::now() + patience;
        while self.percentiles().received < expected && Instant::now() < deadline {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What has come of this phase.
    pub(crate) fn percentiles(&self) -> Percentiles {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let histogram = &shared.histogram;
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Percentiles {
            received: histogram.len(),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            max_ms: histogram.max() as f64 / 1e3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_of_the_phase_count() {
        let latencies = Latencies::new().unwrap();
        let old = latencies.begin();
        let late = latencies.text(old, Instant::now(), 100);
        assert_eq!(late.len(), 100);
        let phase = latencies.begin();
        let due = Instant::now() - Duration::from_millis(200);
        latencies.received(&late);
        latencies.received("hello");
        latencies.received(&latencies.text(phase, due.max(latencies.origin), 0));
        assert_eq!(latencies.percentiles().received, 1);
    }
}
