//! A file on its way out: one group, a stream for each receiver.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use backroom_protocol::{Cast, FileName, MemberInfo, TransferId};
use backroom_transport::file::{Progress, SendTotals, SourceFile, Streams};
use backroom_vocabulary::{DeliveryPath, DeliverySetting, ObservedDelivery};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::board::{Board, Entry};
use super::goodput_mbps;
use super::group::{GroupStream, GroupTransfer};
use super::link::{Link, Note};
use super::stop::Stop;
use super::stream::{Stream, StreamReport, Way};
use crate::event::{self, Direction, Event, ReceiverResult, SegmentDelay, TransferAccount};
use crate::paths::expand_home;
use crate::settings::Settings;
use crate::tracer::Tracer;

/// Streams of one file that run at once: more only share what the machine can do, and each costs a window of memory.
const MAX_PARALLEL_STREAMS: usize = 64;

/// A file and whom it goes to.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) id: u64,
    pub(super) transfer: TransferId,
    pub(super) cast: Cast,
    pub(super) path: PathBuf,
    pub(super) settings: Settings,
    pub(super) gso: bool,
    /// The interface that groups are reached by, where they are.
    pub(super) interface: Option<Ipv4Addr>,
    pub(super) trace: Option<Tracer>,
    pub(super) receivers: Vec<Receiver>,
    pub(super) board: Board,
    pub(super) stop: Stop,
    /// All that this member sends.
    pub(super) streams: Streams,
    pub(super) notes: mpsc::Sender<Note>,
}

/// One of those a file goes to.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) member: MemberInfo,
    pub(super) link: Link,
    pub(super) progress: Progress,
}

impl Outgoing {
    /// Sends it, and tells the session how that went.
    pub(super) async fn run(mut self) {
        let (id, notes) = (self.id, self.notes.clone());
        let event = match self.open().await {
            Ok((source, name)) => {
                self.announce(&source, &name).await;
                self.deliver(source, name).await
            }
            Err(error) => {
                for receiver in std::mem::take(&mut self.receivers) {
                    receiver.link.close().await;
                }
                event::error(format!("{error}. Nothing was sent"))
            }
        };
        // Without a session there is nobody to tell.
        let _ = notes.send(Note::Ended(id, event)).await;
    }

    async fn open(&self) -> anyhow::Result<(SourceFile, FileName)> {
        let path = expand_home(&self.path);
        let name = FileName::sanitized(&path.file_name().unwrap_or_default().to_string_lossy());
        let source =
            tokio::task::spawn_blocking(move || SourceFile::open(Path::new(&path))).await??;
        Ok((source, name))
    }

    async fn announce(&self, source: &SourceFile, name: &FileName) {
        let peers = self
            .receivers
            .iter()
            .map(|receiver| (receiver.member.name.to_string(), receiver.progress.clone()))
            .collect();
        let (file, bytes) = (name.to_string(), source.bytes());
        self.board.insert(
            self.id,
            Entry {
                direction: Direction::Out,
                file: file.clone(),
                bytes,
                peers,
            },
        );
        let receivers = self
            .receivers
            .iter()
            .map(|receiver| receiver.member.name.to_string())
            .collect();
        let event = Event::Sending {
            id: self.id,
            cast: self.cast,
            file,
            bytes,
            receivers,
        };
        let _ = self.notes.send(Note::Show(event)).await;
    }

    async fn deliver(mut self, source: SourceFile, name: FileName) -> Event {
        let at_once = match self.settings.delivery {
            DeliverySetting::Sequential => 1,
            DeliverySetting::Auto | DeliverySetting::IpMulticast | DeliverySetting::Parallel => {
                MAX_PARALLEL_STREAMS
            }
        };
        // Fair: streams start in the order of the receivers.
        let turns = Arc::new(Semaphore::new(at_once));
        let group = self.group(&turns);
        let mut streams = JoinSet::new();
        let names: Vec<String> = self
            .receivers
            .iter()
            .map(|receiver| receiver.member.name.to_string())
            .collect();
        let mut waiting = Vec::new();
        for (lane, receiver) in (1..).zip(std::mem::take(&mut self.receivers)) {
            let seat = group
                .as_ref()
                .filter(|_| is_ipv4(&receiver.member))
                .map(GroupStream::seat);
            let stream = Stream {
                receiver,
                transfer: self.transfer,
                lane,
                cast: self.cast,
                source: source.clone(),
                name: name.clone(),
                settings: self.settings,
                gso: self.gso,
                trace: self.trace.clone(),
                stop: self.stop.child(),
                streams: self.streams.clone(),
                seat,
            };
            waiting.push((usize::from(lane) - 1, stream));
        }
        let group = group.map(|group| tokio::spawn(group.run(self.group_transfer(&source))));
        for (index, stream) in waiting {
            // In a group all are offered the file at once, and take turns only if they are served alone.
            let turn = match stream.seat {
                Some(_) => None,
                None => Arc::clone(&turns).acquire_owned().await.ok(),
            };
            streams.spawn(async move {
                let report = stream.run().await;
                drop(turn);
                (index, report)
            });
        }
        let mut reports: Vec<Option<StreamReport>> = names.iter().map(|_| None).collect();
        while let Some(ended) = streams.join_next().await {
            if let Ok((index, report)) = ended {
                reports[index] = Some(report);
            }
        }
        let reports: Vec<StreamReport> =
            reports.into_iter().map(Option::unwrap_or_default).collect();
        let shared = match group {
            Some(group) => group.await.ok().flatten(),
            None => None,
        };
        Event::Sent(Box::new(
            self.account(&source, &name, names, &reports, shared),
        ))
    }

    /// A stream for all, where the delivery wants one and this machine can have one.
    fn group(&self, turns: &Arc<Semaphore>) -> Option<GroupStream> {
        let least = self.settings.delivery.least_group()?;
        let members = self.receivers.iter().map(|receiver| &receiver.member);
        let receivers = members.filter(|member| is_ipv4(member)).count();
        let interface = self.interface.filter(|_| receivers >= least)?;
        let turns = Arc::clone(turns);
        GroupStream::new(interface, receivers, &self.settings, self.gso, turns)
            .inspect_err(|error| tracing::warn!(%error, "no IP multicast, each is served alone"))
            .ok()
    }

    fn group_transfer(&self, source: &SourceFile) -> GroupTransfer {
        GroupTransfer {
            transfer: self.transfer,
            source: source.clone(),
            settings: self.settings,
            least_receivers: self.settings.delivery.least_group().unwrap_or_default(),
            trace: self.trace.clone(),
            stop: self.stop.child(),
            streams: self.streams.clone(),
        }
    }

    /// The delivery as it turned out.
    fn delivery(&self, reports: &[StreamReport]) -> ObservedDelivery {
        if self.settings.delivery == DeliverySetting::Sequential {
            return ObservedDelivery::Sequential;
        }
        let mut ways: Vec<_> = reports.iter().filter_map(|report| report.way).collect();
        ways.dedup();
        match ways[..] {
            [Way::Multicast] => ObservedDelivery::IpMulticast,
            [] | [Way::Unicast] => ObservedDelivery::Parallel,
            _ => ObservedDelivery::Mixed,
        }
    }

    /// Sums the streams up.
    fn account(
        &self,
        source: &SourceFile,
        name: &FileName,
        names: Vec<String>,
        reports: &[StreamReport],
        shared: Option<SendTotals>,
    ) -> TransferAccount {
        let bytes = source.bytes();
        let totals = || {
            reports
                .iter()
                .filter_map(|report| report.totals.as_ref())
                .chain(&shared)
        };
        let stats = || totals().map(|totals| totals.stats);
        let slowest = reports
            .iter()
            .filter(|report| report.result.is_ok())
            .filter_map(StreamReport::seconds)
            .fold(0.0, f64::max);
        let round_trips: Vec<f64> = stats()
            .filter_map(|stats| stats.srtt)
            .map(|srtt| srtt.as_secs_f64() * 1e3)
            .collect();
        let segment = self.settings.segment.value();
        TransferAccount {
            id: self.id,
            cast: self.cast,
            file: name.to_string(),
            bytes,
            seconds: seconds_of_all(reports),
            goodput_mbps: goodput_mbps(bytes, slowest),
            window: self.settings.window,
            segments: bytes.div_ceil(u64::from(segment)),
            segments_sent: stats().map(|stats| stats.segments_sent).sum(),
            segments_retransmitted: stats().map(|stats| stats.segments_retransmitted).sum(),
            segments_copied: stats().map(|stats| stats.segments_copied).sum(),
            timeouts: stats().map(|stats| stats.timeouts).sum(),
            go_backs: stats().map(|stats| stats.go_backs).sum(),
            srtt_ms: (!round_trips.is_empty())
                .then(|| round_trips.iter().sum::<f64>() / round_trips.len() as f64),
            min_rtt_ms: stats()
                .filter_map(|stats| stats.min_rtt)
                .min()
                .map(|rtt| rtt.as_secs_f64() * 1e3),
            segment_delay_ms: segment_delay_ms(totals()),
            delivery: self.delivery(reports),
            recovery: self.settings.recovery,
            copies: self.settings.copies,
            segment_bytes: segment,
            receivers: names
                .into_iter()
                .zip(reports)
                .map(|(name, report)| result(name, report))
                .collect(),
        }
    }
}

fn result(name: String, report: &StreamReport) -> ReceiverResult {
    let error = report.result.as_ref().err().cloned();
    ReceiverResult {
        name,
        ok: error.is_none(),
        seconds: report.seconds(),
        delivery: report.way.map(|way| match way {
            Way::Unicast => DeliveryPath::Unicast,
            Way::Multicast => DeliveryPath::IpMulticast,
            Way::Moved => DeliveryPath::Moved,
        }),
        error,
    }
}

/// Over the segments of all streams.
fn segment_delay_ms<'a>(totals: impl Iterator<Item = &'a SendTotals>) -> Option<SegmentDelay> {
    let delays = totals
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

fn is_ipv4(member: &MemberInfo) -> bool {
    matches!(member.address.ip().to_canonical(), IpAddr::V4(_))
}

/// From the first segment of any stream to the last ACK of any.
fn seconds_of_all(reports: &[StreamReport]) -> f64 {
    let spans = || reports.iter().filter_map(|report| report.span);
    let first: Option<Instant> = spans().map(|(first, _)| first).min();
    let last: Option<Instant> = spans().map(|(_, last)| last).max();
    match (first, last) {
        (Some(first), Some(last)) => last.saturating_duration_since(first).as_secs_f64(),
        _ => 0.0,
    }
}
