//! An outgoing file: opens it, offers it to all receivers, and sums up what became of it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use backroom_protocol::{FileName, MemberInfo};
use backroom_transport::file::SourceFile;
use backroom_vocabulary::DeliverySetting;
use backroom_vocabulary::event::{Direction, Event};

use super::active::Entry;
use super::channel::TransferEvent;
use super::group::GroupStream;
use super::outgoing_file::OutgoingFile;
use super::recipient::{Recipient, RecipientTransfer};
use super::summary::{RecipientReport, Summary};
use super::turns::Turns;
use crate::paths::expand_home;

/// The number of unicast streams of one file that run at the same time. More would share the same bandwidth, and each needs memory
/// for a window.
const MAX_PARALLEL_STREAMS: usize = 64;

/// Opens a file, and chooses the name under which it is offered.
pub(super) async fn open(path: PathBuf) -> anyhow::Result<(SourceFile, FileName)> {
    let path = expand_home(&path);
    let name = FileName::sanitized(&path.file_name().unwrap_or_default().to_string_lossy());
    let source = tokio::task::spawn_blocking(move || SourceFile::open(&path)).await??;
    Ok((source, name))
}

/// Sends the file to all receivers, and returns the event that sums up the result.
pub(super) async fn send(file: Arc<OutgoingFile>, recipients: Vec<Recipient>) -> Event {
    let receivers: Vec<String> = recipients.iter().map(Recipient::name).collect();
    announce(&file, &recipients, receivers.clone()).await;
    let max_streams = match file.settings.delivery {
        DeliverySetting::Sequential => 1,
        _ => MAX_PARALLEL_STREAMS,
    };
    let turns = Turns::new(max_streams, Arc::clone(&file.shared.turns));
    let group = create_group(&file, &recipients, &turns).await;
    let transfers = transfers(&file, recipients, group.as_ref());
    let group = group.map(|group| tokio::spawn(group.run(Arc::clone(&file))));
    let reports = run_all(transfers, &turns).await;
    let group = match group {
        Some(running) => running.await.ok().flatten(),
        None => None,
    };
    let summary = Summary {
        file: &file,
        receivers,
        reports,
        group,
    };
    Event::Sent(Box::new(summary.into_account()))
}

async fn announce(file: &OutgoingFile, recipients: &[Recipient], receivers: Vec<String>) {
    let (id, bytes) = (file.id, file.source.bytes());
    let peers = recipients
        .iter()
        .map(|recipient| (recipient.name(), recipient.progress.clone()));
    let entry = Entry {
        direction: Direction::Out,
        file: file.name.to_string(),
        bytes,
        peers: peers.collect(),
    };
    file.shared.active.insert(id, entry);
    let event = Event::Sending {
        id,
        cast: file.cast,
        file: file.name.to_string(),
        bytes,
        receivers,
    };
    file.shared.events.send(TransferEvent::Show(event)).await;
}

/// A multicast group, if the delivery asks for one and this machine can have one.
async fn create_group(
    file: &OutgoingFile,
    recipients: &[Recipient],
    turns: &Turns,
) -> Option<GroupStream> {
    let min_receivers = file.settings.delivery.least_group()?;
    let members = recipients.iter().map(|recipient| &recipient.member);
    let receivers = members.filter(|member| is_ipv4(member)).count();
    let interface = file.shared.config.interface?;
    if receivers < min_receivers {
        return None;
    }
    let created = tokio::select! {
        created = GroupStream::new(file, interface, receivers, turns.clone()) => created,
        reason = file.cancellation.cancelled() => Err(anyhow::Error::msg(reason)),
    };
    created
        .inspect_err(
            |error| tracing::warn!(%error, "no IP multicast; each receiver is served alone"),
        )
        .ok()
}

/// A transfer for each receiver. Their lanes start at 1: lane 0 is the group's.
fn transfers(
    file: &Arc<OutgoingFile>,
    recipients: Vec<Recipient>,
    group: Option<&GroupStream>,
) -> Vec<RecipientTransfer> {
    let transfer = |(lane, recipient): (u16, Recipient)| RecipientTransfer {
        file: Arc::clone(file),
        lane,
        invitation: group
            .filter(|_| is_ipv4(&recipient.member))
            .map(|group| group.invitation.clone()),
        recipient,
    };
    (1..).zip(recipients).map(transfer).collect()
}

/// Runs the transfers, as many at the same time as there are turns. Returns the reports in the same order.
async fn run_all(transfers: Vec<RecipientTransfer>, turns: &Turns) -> Vec<RecipientReport> {
    let mut running = Vec::new();
    for transfer in transfers {
        // The receivers of a group are all offered the file at once. They take a turn later, if they have to be served alone.
        let turn = match transfer.invitation {
            Some(_) => None,
            None => turns.take().await,
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
