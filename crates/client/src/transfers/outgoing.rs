//! An outgoing file: opens it, offers it to all receivers, and sums up what became of it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backroom_protocol::{Cast, FileName, MemberInfo, TransferId};
use backroom_transport::file::{SourceFile, StreamCount};
use backroom_vocabulary::DeliverySetting;
use tokio::sync::{Semaphore, mpsc};

use super::board::{Board, Entry};
use super::channel::TransferEvent;
use super::group::{GroupStream, GroupTransfer};
use super::limits::Limits;
use super::recipient::{Recipient, RecipientReport, RecipientTransfer};
use super::stop::Stop;
use super::summary::Summary;
use crate::event::{self, Direction, Event};
use crate::paths::expand_home;
use crate::settings::Settings;

/// The number of unicast streams of one file that run at the same time. More would share the same bandwidth, and each needs memory
/// for a window.
const MAX_PARALLEL_STREAMS: usize = 64;

/// A file and its receivers.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) id: u64,
    pub(super) transfer: TransferId,
    pub(super) cast: Cast,
    pub(super) path: PathBuf,
    pub(super) settings: Settings,
    pub(super) limits: Limits,
    pub(super) recipients: Vec<Recipient>,
    pub(super) board: Board,
    pub(super) stop: Stop,
    /// Counts the streams of all files.
    pub(super) streams: StreamCount,
    pub(super) events: mpsc::Sender<TransferEvent>,
}

impl Outgoing {
    /// Sends the file, and reports the result to the session.
    pub(super) async fn run(mut self) {
        let (id, events) = (self.id, self.events.clone());
        let recipients = std::mem::take(&mut self.recipients);
        let event = match self.open().await {
            Ok((source, name)) => {
                self.announce(&source, &name, &recipients).await;
                self.deliver(source, name, recipients).await
            }
            Err(error) => {
                for recipient in recipients {
                    recipient.channel.close().await;
                }
                event::error(format!("not sent: {error}"))
            }
        };
        // If the session has ended, nobody needs the result.
        let _ = events.send(TransferEvent::Ended(id, event)).await;
    }

    async fn open(&self) -> anyhow::Result<(SourceFile, FileName)> {
        let path = expand_home(&self.path);
        let name = FileName::sanitized(&path.file_name().unwrap_or_default().to_string_lossy());
        let source =
            tokio::task::spawn_blocking(move || SourceFile::open(Path::new(&path))).await??;
        Ok((source, name))
    }

    async fn announce(&self, source: &SourceFile, name: &FileName, recipients: &[Recipient]) {
        let (file, bytes) = (name.to_string(), source.bytes());
        let peers = recipients
            .iter()
            .map(|recipient| (recipient.name(), recipient.progress.clone()))
            .collect();
        self.board.insert(
            self.id,
            Entry {
                direction: Direction::Out,
                file: file.clone(),
                bytes,
                peers,
            },
        );
        let event = Event::Sending {
            id: self.id,
            cast: self.cast,
            file,
            bytes,
            receivers: recipients.iter().map(Recipient::name).collect(),
        };
        let _ = self.events.send(TransferEvent::Show(event)).await;
    }

    /// Serves all receivers, and returns the event that sums up the result.
    async fn deliver(
        self,
        source: SourceFile,
        name: FileName,
        recipients: Vec<Recipient>,
    ) -> Event {
        let receivers = recipients.iter().map(Recipient::name).collect();
        let turns = Arc::new(Semaphore::new(self.max_parallel_streams()));
        let group = self.create_group(&recipients, &turns);
        let transfers = self.transfers(&source, &name, recipients, group.as_ref());
        let group = group.map(|group| tokio::spawn(group.run(self.group_transfer(&source))));
        let reports = run_all(transfers, &turns).await;
        let group = match group {
            Some(running) => running.await.ok().flatten(),
            None => None,
        };
        let summary = Summary {
            id: self.id,
            cast: self.cast,
            source: &source,
            name: &name,
            settings: self.settings,
            receivers,
            reports,
            group,
        };
        Event::Sent(Box::new(summary.into_event()))
    }

    fn max_parallel_streams(&self) -> usize {
        match self.settings.delivery {
            DeliverySetting::Sequential => 1,
            DeliverySetting::Auto | DeliverySetting::IpMulticast | DeliverySetting::Parallel => {
                MAX_PARALLEL_STREAMS
            }
        }
    }

    /// A multicast group, if the delivery asks for one and this machine can have one.
    fn create_group(
        &self,
        recipients: &[Recipient],
        turns: &Arc<Semaphore>,
    ) -> Option<GroupStream> {
        let min_receivers = self.settings.delivery.least_group()?;
        let members = recipients.iter().map(|recipient| &recipient.member);
        let receivers = members.filter(|member| is_ipv4(member)).count();
        let interface = self
            .limits
            .interface
            .filter(|_| receivers >= min_receivers)?;
        let turns = Arc::clone(turns);
        GroupStream::new(interface, receivers, &self.settings, self.limits.gso, turns)
            .inspect_err(
                |error| tracing::warn!(%error, "no IP multicast; each receiver is served alone"),
            )
            .ok()
    }

    /// A transfer for each receiver. Their lanes start at 1: lane 0 is the group's.
    fn transfers(
        &self,
        source: &SourceFile,
        name: &FileName,
        recipients: Vec<Recipient>,
        group: Option<&GroupStream>,
    ) -> Vec<RecipientTransfer> {
        let transfer = |(lane, recipient): (u16, Recipient)| RecipientTransfer {
            invitation: group
                .filter(|_| is_ipv4(&recipient.member))
                .map(GroupStream::invitation),
            recipient,
            transfer: self.transfer,
            lane,
            cast: self.cast,
            source: source.clone(),
            name: name.clone(),
            settings: self.settings,
            gso: self.limits.gso,
            trace: self.limits.trace.clone(),
            stop: self.stop.child(),
            streams: self.streams.clone(),
        };
        (1..).zip(recipients).map(transfer).collect()
    }

    fn group_transfer(&self, source: &SourceFile) -> GroupTransfer {
        GroupTransfer {
            transfer: self.transfer,
            source: source.clone(),
            settings: self.settings,
            min_receivers: self.settings.delivery.least_group().unwrap_or_default(),
            trace: self.limits.trace.clone(),
            stop: self.stop.child(),
            streams: self.streams.clone(),
        }
    }
}

/// Runs the transfers, as many at the same time as there are turns. Returns the reports in the same order.
async fn run_all(
    transfers: Vec<RecipientTransfer>,
    turns: &Arc<Semaphore>,
) -> Vec<RecipientReport> {
    let mut running = Vec::new();
    for transfer in transfers {
        // The receivers of a group are all offered the file at once. They take a turn later, if they have to be served alone.
        let turn = match transfer.invitation {
            Some(_) => None,
            None => Arc::clone(turns).acquire_owned().await.ok(),
        };
        running.push(tokio::spawn(async move {
            let report = transfer.run().await;
            drop(turn);
            report
        }));
    }
    let mut reports = Vec::new();
    for transfer in running {
        reports.push(transfer.await.unwrap_or_default());
    }
    reports
}

fn is_ipv4(member: &MemberInfo) -> bool {
    matches!(member.address.ip().to_canonical(), IpAddr::V4(_))
}
