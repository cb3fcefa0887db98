//! Sums up an outgoing file for its user.

use std::time::Instant;

use backroom_gbn::SenderStats;
use backroom_protocol::{Cast, FileName};
use backroom_transport::file::{SendTotals, SourceFile};
use backroom_vocabulary::{DeliveryPath, DeliverySetting, ObservedDelivery};

use super::recipient::RecipientReport;
use crate::event::{ReceiverResult, SegmentDelay, TransferAccount};
use crate::settings::Settings;

/// A file that was sent, successfully or not.
pub(super) struct Summary<'a> {
    pub(super) id: u64,
    pub(super) cast: Cast,
    pub(super) source: &'a SourceFile,
    pub(super) name: &'a FileName,
    pub(super) settings: Settings,
    /// The receivers' names, and a report for each.
    pub(super) receivers: Vec<String>,
    pub(super) reports: Vec<RecipientReport>,
    /// What the group's stream took, if there was one.
    pub(super) group: Option<SendTotals>,
}

impl Summary<'_> {
    /// The event that reports it.
    pub(super) fn into_event(self) -> TransferAccount {
        let bytes = self.source.bytes();
        let segment = self.settings.segment.value();
        let round_trips: Vec<f64> = self
            .stats()
            .filter_map(|stats| stats.srtt)
            .map(|srtt| srtt.as_secs_f64() * 1e3)
            .collect();
        TransferAccount {
            id: self.id,
            cast: self.cast,
            file: self.name.to_string(),
            bytes,
            seconds: self.seconds_of_all(),
            goodput_mbps: goodput_mbps(bytes, self.seconds_of_slowest()),
            window: self.settings.window,
            segments: bytes.div_ceil(u64::from(segment)),
            segments_sent: self.stats().map(|stats| stats.segments_sent).sum(),
            segments_retransmitted: self.stats().map(|stats| stats.segments_retransmitted).sum(),
            segments_copied: self.stats().map(|stats| stats.segments_copied).sum(),
            timeouts: self.stats().map(|stats| stats.timeouts).sum(),
            go_backs: self.stats().map(|stats| stats.go_backs).sum(),
            srtt_ms: (!round_trips.is_empty())
                .then(|| round_trips.iter().sum::<f64>() / round_trips.len() as f64),
            min_rtt_ms: self
                .stats()
                .filter_map(|stats| stats.min_rtt)
                .min()
                .map(|rtt| rtt.as_secs_f64() * 1e3),
            segment_delay_ms: self.segment_delay_ms(),
            delivery: self.delivery(),
            recovery: self.settings.recovery,
            copies: self.settings.copies,
            segment_bytes: segment,
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
        if self.settings.delivery == DeliverySetting::Sequential {
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
        let first: Option<Instant> = spans().map(|(first, _)| first).min();
        let last: Option<Instant> = spans().map(|(_, last)| last).max();
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
        let delays =
            self.totals()
                .map(|totals| totals.delays.clone())
                .reduce(|mut all, delays| {
                    all.add(&delays);
                    all
                })?;
        let at = |share| Some(delays.quantile(share)?.as_secs_f64() * 1e3);
        Some(SegmentDelay {
            min: at(0.0)?,
            p50: at(0.5)?,
            p90: at(0.9)?,
            p99: at(0.99)?,
            max: at(1.0)?,
        })
    }
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
