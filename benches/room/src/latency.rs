//! Latencies, measured from the time at which a message was due. A late sender therefore does not hide latency.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency in microseconds. Longer ones are recorded as this.
const MAX_US: u64 = 60_000_000;

/// Collects latencies from many tasks.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    origin: Instant,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    /// The current phase. Messages of earlier phases do not count.
    phase: u32,
    histogram: Histogram<u64>,
}

/// The latencies of one phase.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Percentiles {
    /// The number of messages received.
    pub(crate) received: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latencies {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let histogram = Histogram::new_with_max(MAX_US, 3)?;
        let shared = Shared {
            phase: 0,
            histogram,
        };
        Ok(Self {
            origin: Instant::now(),
            shared: Arc::new(Mutex::new(shared)),
        })
    }

    /// Starts a new phase. Messages of earlier phases no longer count.
    pub(crate) fn begin(&self) -> u32 {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.phase += 1;
        shared.histogram.reset();
        shared.phase
    }

    /// Returns a text of at least `bytes` that encodes its phase and the time at which it was due.
    pub(crate) fn text(&self, phase: u32, due: Instant, bytes: usize) -> String {
        let since = due.saturating_duration_since(self.origin).as_micros();
        let mut text = format!("{phase} {since} ");
        while text.len() < bytes {
            text.push('.');
        }
        text
    }

    /// Records the arrival of a text of [`Latencies::text`]. Ignores other texts.
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

    /// Waits until `expected` messages of this phase have arrived, at most `limit`.
    pub(crate) async fn wait_for(&self, expected: u64, limit: Duration) {
        const POLL_INTERVAL: Duration = Duration::from_millis(20);
        let deadline = Instant::now() + limit;
        while self.percentiles().received < expected && Instant::now() < deadline {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// The latencies of this phase so far.
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
    fn only_messages_of_the_current_phase_count() {
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
