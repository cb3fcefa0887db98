//! A file on its way out: one group, a stream for each receiver.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use backroom_protocol::{Cast, FileName, MemberInfo, TransferId};
use backroom_transport::file::{Progress, SourceFile};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::board::{Board, Entry};
use super::goodput_mbps;
use super::link::{Link, Note};
use super::stop::Stop;
use super::stream::{Stream, StreamReport};
use crate::delivery::Delivery;
use crate::event::{Direction, Event, ReceiverResult, Sent};
use crate::paths::expand_home;
use crate::settings::Settings;

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
    pub(super) receivers: Vec<Receiver>,
    pub(super) board: Board,
    pub(super) stop: Stop,
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
                Event::error(format!("{error}. Nothing was sent"))
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
            Delivery::Parallel => MAX_PARALLEL_STREAMS,
            Delivery::Sequential => 1,
        };
        // Fair: streams start in the order of the receivers.
        let turns = Arc::new(Semaphore::new(at_once));
        let mut streams = JoinSet::new();
        let names: Vec<String> = self
            .receivers
            .iter()
            .map(|receiver| receiver.member.name.to_string())
            .collect();
        for (lane, receiver) in (1..).zip(std::mem::take(&mut self.receivers)) {
            let stream = Stream {
                receiver,
                transfer: self.transfer,
                lane,
                cast: self.cast,
                source: source.clone(),
                name: name.clone(),
                settings: self.settings,
                gso: self.gso,
                stop: self.stop.child(),
            };
            let turn = Arc::clone(&turns).acquire_owned().await;
            streams.spawn(async move {
                let report = stream.run().await;
                drop(turn);
                (usize::from(lane) - 1, report)
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
        Event::Sent(Box::new(self.account(&source, &name, names, &reports)))
    }

    /// Sums the streams up.
    fn account(
        &self,
        source: &SourceFile,
        name: &FileName,
        names: Vec<String>,
        reports: &[StreamReport],
    ) -> Sent {
        let bytes = source.bytes();
        let stats = || {
            reports
                .iter()
                .filter_map(|report| report.totals)
                .map(|totals| totals.stats)
        };
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
        Sent {
            id: self.id,
            cast: self.cast,
            file: name.to_string(),
            bytes,
            seconds: seconds_of_all(reports),
            goodput_mbps: goodput_mbps(bytes, slowest),
            window: self.settings.window.segments(),
            segments: bytes.div_ceil(u64::from(segment)),
            segments_sent: stats().map(|stats| stats.segments_sent).sum(),
            segments_retransmitted: stats().map(|stats| stats.segments_retransmitted).sum(),
            timeouts: stats().map(|stats| stats.timeouts).sum(),
            go_backs: stats().map(|stats| stats.go_backs).sum(),
            srtt_ms: (!round_trips.is_empty())
                .then(|| round_trips.iter().sum::<f64>() / round_trips.len() as f64),
            min_rtt_ms: stats()
                .filter_map(|stats| stats.min_rtt)
                .min()
                .map(|rtt| rtt.as_secs_f64() * 1e3),
            delivery: self.settings.delivery.to_string(),
            recovery: self.settings.recovery.to_string(),
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
        error,
    }
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
