//! Sums up an outgoing file for its user.

use std::time::{Duration, Instant};

use backroom_gbn::{SegmentDelays, SenderStats};
use backroom_transport::file::SendTotals;
use backroom_vocabulary::account::{ReceiverResult, SegmentDelay, TransferAccount};
use backroom_vocabulary::{DeliveryPath, DeliverySetting, ObservedDelivery};

use super::outgoing_file::OutgoingFile;

/// How the transfer to one receiver ended.
#[derive(Debug)]
pub(super) struct RecipientReport {
    /// `None` if no segment was sent.
    pub(super) path: Option<DeliveryPath>,
    /// What its own stream took, if there was one.
    pub(super) totals: Option<SendTotals>,
    /// From the first segment to the last ACK.
    pub(super) span: Option<(Instant, Instant)>,
    /// Whether the receiver has the file, or the reason why not.
    pub(super) result: Result<(), String>,
}

impl RecipientReport {
    /// Extends the span by a stream that ends now.
    pub(super) fn extend_span(&mut self, elapsed: Duration) {
        let now = Instant::now();
        let begun = self.span.map(|(first, _)| first);
        let first = begun.or_else(|| now.checked_sub(elapsed));
        self.span = first.map(|first| (first, now));
    }

    fn seconds(&self) -> Option<f64> {
        let (first, last) = self.span?;
        Some(last.saturating_duration_since(first).as_secs_f64())
    }
}

impl Default for RecipientReport {
    /// The report if the task panicked.
    fn default() -> Self {
        Self {
            path: None,
            totals: None,
            span: None,
            result: Err("an internal error ended the transfer".into()),
        }
    }
}

/// A file that was sent, successfully or not.
pub(super) struct Summary<'a> {
    pub(super) file: &'a OutgoingFile,
    /// The receivers' names, and a report for each.
    pub(super) receivers: Vec<String>,
    pub(super) reports: Vec<RecipientReport>,
    /// What the group's stream took, if there was one.
    pub(super) group: Option<SendTotals>,
}

impl Summary<'_> {
    pub(super) fn into_account(self) -> TransferAccount {
        let bytes = self.file.source.bytes();
        let settings = self.file.settings;
        let segment_bytes = settings.segment.value();
        let sum = |count: fn(SenderStats) -> u64| self.stats().map(count).sum();
        let round_trips: Vec<f64> = self
            .stats()
            .filter_map(|stats| stats.srtt)
            .map(milliseconds)
            .collect();
        let mean = round_trips.iter().sum::<f64>() / round_trips.len() as f64;
        TransferAccount {
            id: self.file.id,
            cast: self.file.cast,
            file: self.file.name.to_string(),
            bytes,
            seconds: self.seconds_of_all(),
            goodput_mbps: goodput_mbps(bytes, self.seconds_of_slowest()),
            window: settings.window,
            segments: bytes.div_ceil(u64::from(segment_bytes)),
            segments_sent: sum(|stats| stats.segments_sent),
            segments_retransmitted: sum(|stats| stats.segments_retransmitted),
            segments_copied: sum(|stats| stats.segments_copied),
            timeouts: sum(|stats| stats.timeouts),
            go_backs: sum(|stats| stats.go_backs),
            srtt_ms: (!round_trips.is_empty()).then_some(mean),
            min_rtt_ms: self
                .stats()
                .filter_map(|stats| stats.min_rtt)
                .min()
                .map(milliseconds),
            segment_delay_ms: self.segment_delay_ms(),
            delivery: self.delivery(),
            recovery: settings.recovery,
            copies: settings.copies,
            segment_bytes,
            receivers: self
                .receivers
                .into_iter()
                .zip(&self.reports)
                .map(|(name, report)| receiver_result(name, report))
                .collect(),
        }
    }

    /// What each stream took.
    fn totals(&self) -> impl Iterator<Item = &SendTotals> {
        let alone = self
            .reports
            .iter()
            .filter_map(|report| report.totals.as_ref());
        alone.chain(&self.group)
    }

    fn stats(&self) -> impl Iterator<Item = SenderStats> {
        self.totals().map(|totals| totals.stats)
    }

    /// How the file was in fact delivered.
    fn delivery(&self) -> ObservedDelivery {
        if self.file.settings.delivery == DeliverySetting::Sequential {
            return ObservedDelivery::Sequential;
        }
        let mut paths: Vec<_> = self
            .reports
            .iter()
            .filter_map(|report| report.path)
            .collect();
        paths.dedup();
        match paths[..] {
            [DeliveryPath::IpMulticast] => ObservedDelivery::IpMulticast,
            [] | [DeliveryPath::Unicast] => ObservedDelivery::Parallel,
            _ => ObservedDelivery::Mixed,
        }
    }

    /// From the first segment of any stream to the last ACK of any.
    fn seconds_of_all(&self) -> f64 {
        let spans = || self.reports.iter().filter_map(|report| report.span);
        let first = spans().map(|(first, _)| first).min();
        let last = spans().map(|(_, last)| last).max();
        match (first, last) {
            (Some(first), Some(last)) => last.saturating_duration_since(first).as_secs_f64(),
            _ => 0.0,
        }
    }

    /// The longest time that a receiver took which has the file.
    fn seconds_of_slowest(&self) -> f64 {
        self.reports
            .iter()
            .filter(|report| report.result.is_ok())
            .filter_map(RecipientReport::seconds)
            .fold(0.0, f64::max)
    }

    /// Over the segments of all streams.
    fn segment_delay_ms(&self) -> Option<SegmentDelay> {
        let mut delays = SegmentDelays::new(0);
        for totals in self.totals() {
            delays.add(&totals.delays);
        }
        let at = |share| delays.quantile(share).map(milliseconds);
        Some(SegmentDelay {
            min: at(0.0)?,
            p50: at(0.5)?,
            p90: at(0.9)?,
            p99: at(0.99)?,
            max: at(1.0)?,
        })
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Bits of a file per second of its transfer, in 10^6; 0 if it took no time.
pub(super) fn goodput_mbps(bytes: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        bytes as f64 * 8.0 / seconds / 1e6
    } else {
        0.0
    }
}

fn receiver_result(name: String, report: &RecipientReport) -> ReceiverResult {
    let error = report.result.as_ref().err().cloned();
    ReceiverResult {
        name,
        ok: error.is_none(),
        seconds: report.seconds(),
        delivery: report.path,
        error,
    }
}
