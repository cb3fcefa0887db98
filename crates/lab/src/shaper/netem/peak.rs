//! The rate of an interface, watched from outside: netem itself says nothing of it.

use std::collections::VecDeque;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::ETHERNET_HEADER_BYTES;
use crate::shaper::ShaperError;

/// At 10 Mbit/s some 250 packets of 1,265 bytes, so that where it begins and ends makes less than 1 %.
const SPAN: Duration = Duration::from_millis(250);
const SAMPLE_EVERY: Duration = Duration::from_millis(25);

/// Watches an interface until it is dropped.
pub(super) struct PeakMeter {
    peak: Arc<Mutex<Peak>>,
    /// Its end ends the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The highest rate over any [`SPAN`].
#[derive(Debug, Default)]
struct Peak {
    /// When how many bytes had been sent, oldest first: the youngest that is a span old, and all after it.
    samples: VecDeque<(Instant, u64)>,
    highest_mbps: Option<f64>,
}

impl PeakMeter {
    /// Begins to watch `interface`.
    ///
    /// # Errors
    /// When no thread can be started.
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

    /// The highest rate over any [`SPAN`] so far, in 10^6 bit/s of IP packets. `None` before something was sent.
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
    /// At `now`, `bytes` have been sent in all.
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

/// Bytes of all packets that `interface` has sent, without their Ethernet headers.
fn sent_bytes(interface: &str) -> Option<u64> {
    parse_sent_bytes(
        &fs::read_to_string("/proc/thread-self/net/dev").ok()?,
        interface,
    )
}

/// After the interface's name follow eight columns of what it received, then bytes and packets sent.
fn parse_sent_bytes(table: &str, interface: &str) -> Option<u64> {
    let columns = table
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
    let mut columns = columns.split_whitespace().skip(8).map(str::parse);
    let (bytes, packets): (u64, u64) = (columns.next()?.ok()?, columns.next()?.ok()?);
    Some(bytes.saturating_sub(packets * ETHERNET_HEADER_BYTES))
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
    fn a_moment_shorter_than_the_span_is_no_rate() {
        let epoch = Instant::now();
        let mut peak = Peak::default();
        peak.add(epoch, 0);
        peak.add(epoch + SPAN / 2, 1_000_000);
        assert_eq!(peak.highest_mbps, None);
    }

    #[test]
    fn sent_bytes_are_found_by_interface_and_column() {
        let table = "Inter-|   Receive      |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes\n\
                     \x20   lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 500 5 0 0 0 0 0 0 1400 10 0 0 0 0 0 0\n";
        assert_eq!(parse_sent_bytes(table, "eth0"), Some(1260));
        assert_eq!(parse_sent_bytes(table, "eth1"), None);
    }
}
