//! The highest rate of an interface. netem does not report its rate, so the interface's counters are sampled.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::counters::ETHERNET_HEADER_BYTES;
use crate::error::ShaperError;

/// At 10 Mbit/s about 250 packets of 1,265 bytes, so a partial packet at either end changes the rate by less than 1 %.
const SPAN: Duration = Duration::from_millis(250);
const SAMPLE_EVERY: Duration = Duration::from_millis(25);

/// Samples an interface until it is dropped.
pub(super) struct PeakMeter {
    peak: Arc<Mutex<Peak>>,
    /// Dropping it stops the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The highest rate over any [`SPAN`].
#[derive(Debug, Default)]
struct Peak {
    /// Time and total bytes sent, oldest first: the newest sample that is a span old, and all later ones.
    samples: VecDeque<(Instant, u64)>,
    highest_mbps: Option<f64>,
}

impl PeakMeter {
    /// Starts sampling `interface`.
    pub(super) fn start(interface: &str) -> Result<Self, ShaperError> {
        let peak = Arc::new(Mutex::new(Peak::default()));
        let (stop, stopped) = mpsc::channel();
        let (watched, interface) = (Arc::clone(&peak), interface.to_owned());
        let watch = move || {
            while stopped.recv_timeout(SAMPLE_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                if let Some(bytes) = sent_bytes(&interface) {
                    watched
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .add(Instant::now(), bytes);
                }
            }
        };
        let thread = thread::Builder::new()
            .name("rate".to_owned())
            .spawn(watch)
            .map_err(|source| ShaperError::Start {
                program: "a thread",
                source,
            })?;
        Ok(Self {
            peak,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The highest rate over any [`SPAN`] so far, in 10^6 bit/s of IP packets. `None` before anything was sent.
    pub(super) fn mbps(&self) -> Option<f64> {
        self.peak
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .highest_mbps
    }
}

impl Drop for PeakMeter {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Peak {
    /// Adds the total of bytes sent up to `now`.
    fn add(&mut self, now: Instant, bytes: u64) {
        self.samples.push_back((now, bytes));
        while self.samples.get(1).is_some_and(|&(at, _)| now - at >= SPAN) {
            self.samples.pop_front();
        }
        let Some(&(since, before)) = self.samples.front() else {
            return;
        };
        let (span, sent) = (now - since, bytes.saturating_sub(before));
        if span >= SPAN && sent > 0 {
            let mbps = sent as f64 * 8.0 / span.as_secs_f64() / 1e6;
            self.highest_mbps = Some(self.highest_mbps.map_or(mbps, |highest| highest.max(mbps)));
        }
    }
}

/// Total bytes of the IP packets that `interface` has sent.
fn sent_bytes(interface: &str) -> Option<u64> {
    let device = procfs::net::dev_status().ok()?.remove(interface)?;
    Some((device.sent_bytes).saturating_sub(device.sent_packets * ETHERNET_HEADER_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_the_busiest_span_and_pauses_do_not_lower_it() {
        let epoch = Instant::now();
        let mut peak = Peak::default();
        let mut bytes = 0;
        for sample in 0..200_u32 {
            // 10 Mbit/s in the middle, 1 Mbit/s before and after.
            bytes += if (60..120).contains(&sample) {
                31_250
            } else {
                3_125
            };
            peak.add(epoch + SAMPLE_EVERY * sample, bytes);
        }
        assert!((peak.highest_mbps.unwrap() - 10.0).abs() < 1e-9, "{peak:?}");
        assert!(peak.samples.len() <= 12);
    }

    #[test]
    fn less_than_a_span_gives_no_rate() {
        let epoch = Instant::now();
        let mut peak = Peak::default();
        peak.add(epoch, 0);
        peak.add(epoch + SPAN / 2, 1_000_000);
        assert_eq!(peak.highest_mbps, None);
    }
}
