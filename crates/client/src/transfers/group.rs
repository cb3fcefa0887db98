//! The multicast stream of an outgoing file: gathers the receivers that accept, and tells each how it ended.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use backroom_gbn::WindowSetting;
use backroom_protocol::segment::{GROUP_LANE, StreamId};
use backroom_protocol::{Group, GroupOffer, Key};
use backroom_transport::file::{
    GroupChannels, GroupEnd, GroupReceiver, GroupRequest, MoveCause, SendFailure, SendTotals,
    send_to_group,
};
use backroom_transport::udp::UdpEndpoint;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::outgoing_file::OutgoingFile;
use super::turns::Turns;

/// How long the group waits for further receivers after the first has accepted. A receiver that accepts later is served alone.
const GATHER_TIME: Duration = Duration::from_secs(1);

/// With a fixed window the sender gets about one ACK for this many segments, however many receivers there are. But each receiver
/// sends at least this many ACKs for each window.
const SEGMENTS_PER_ACK: usize = 4;

/// An automatic window grows by what one ACK acknowledges, so a receiver acknowledges after at most 16 segments. With more than
/// eight receivers the limit grows again: then all of them together send one ACK for two segments.
const AUTO_MAX_ACK_EVERY: usize = 16;
const AUTO_SEGMENTS_PER_ACK: usize = 2;

/// A message from one receiver's transfer to the group.
#[derive(Debug)]
pub(super) enum GroupMessage {
    /// The receiver accepted. Its outcome goes to the channel.
    Joined(GroupReceiver, oneshot::Sender<GroupOutcome>),
    /// The receiver did not accept.
    Declined,
    /// The receiver with this number gave up after it had accepted.
    Left(u16),
}

/// How the group's stream ended for one receiver, or why it failed for all of them.
pub(super) type GroupOutcome = Result<GroupEnd, String>;

/// What one receiver's transfer needs to take part in a group.
#[derive(Debug, Clone)]
pub(super) struct GroupInvitation {
    pub(super) offer: GroupOffer,
    /// The port that the group's segments come from.
    pub(super) port: NonZeroU16,
    pub(super) messages: mpsc::Sender<GroupMessage>,
    /// Receivers that the group does not serve after all take turns.
    pub(super) turns: Turns,
}

/// A group that no segment was sent to yet.
#[derive(Debug)]
pub(super) struct GroupStream {
    endpoint: UdpEndpoint,
    receivers: usize,
    messages: mpsc::Receiver<GroupMessage>,
    /// For each of the receivers.
    pub(super) invitation: GroupInvitation,
}

impl GroupStream {
    /// Chooses a random group on the network of `interface`, for a number of receivers.
    pub(super) async fn new(
        file: &OutgoingFile,
        interface: Ipv4Addr,
        receivers: usize,
        turns: Turns,
    ) -> anyhow::Result<Self> {
        let stream = StreamId {
            transfer: file.transfer,
            lane: GROUP_LANE,
        };
        let ports = &file.shared.config.ports;
        let endpoint = ports.group_endpoint(stream, interface).await?;
        // Each receiver sends at most two messages.
        let (message_sender, messages) = mpsc::channel(2 * receivers.max(1));
        let invitation = GroupInvitation {
            offer: GroupOffer {
                group: Group::generate()?,
                stream_key: Key::generate()?,
                ack_every: u16::try_from(ack_every(file.settings.window, receivers))?.try_into()?,
            },
            port: endpoint.local_addr()?.port().try_into()?,
            messages: message_sender,
            turns,
        };
        Ok(Self {
            endpoint,
            receivers,
            messages,
            invitation,
        })
    }

    /// Serves the receivers that accept, until all invitations were dropped. Returns what the stream took.
    pub(super) async fn run(self, file: Arc<OutgoingFile>) -> Option<SendTotals> {
        let Self {
            endpoint,
            receivers,
            mut messages,
            invitation,
        } = self;
        let offer = invitation.offer.clone();
        // Only the receivers have one from here on.
        drop(invitation);
        let mut waiting = Waiting::default();
        let joined = gather(&mut messages, receivers, &mut waiting).await;
        let (end_sender, mut ends) = mpsc::channel(receivers.max(1));
        let (remove, removed) = mpsc::channel(receivers.max(1));
        let control = file.control(GROUP_LANE);
        let request = request(&file, offer, joined);
        let channels = GroupChannels {
            ends: end_sender,
            removed,
        };
        let mut sending = pin!(send_to_group(endpoint, request, &control, channels));
        let mut result = None;
        let mut has_invitations = true;
        while has_invitations || result.is_none() {
            tokio::select! {
                Some((number, end)) = ends.recv() => waiting.report(number, Ok(end)),
                ended = &mut sending, if result.is_none() => {
                    while let Ok((number, end)) = ends.try_recv() {
                        waiting.report(number, Ok(end));
                    }
                    if let Err(SendFailure { error, .. }) = &ended {
                        waiting.fail(&error.to_string());
                    }
                    result = Some(ended);
                }
                message = messages.recv(), if has_invitations => match message {
                    Some(GroupMessage::Joined(receiver, outcome)) => too_late(&receiver, outcome),
                    Some(GroupMessage::Left(number)) => {
                        waiting.0.remove(&number);
                        // If this fails, the receiver is removed as unresponsive.
                        let _ = remove.try_send(number);
                    }
                    Some(GroupMessage::Declined) => {}
                    None => has_invitations = false,
                },
            }
        }
        Some(result?.unwrap_or_else(|failure| *failure.totals))
    }
}

/// The receivers that wait for their outcome, by number.
#[derive(Default)]
struct Waiting(HashMap<u16, oneshot::Sender<GroupOutcome>>);

impl Waiting {
    fn report(&mut self, number: u16, outcome: GroupOutcome) {
        if let Some(waiting) = self.0.remove(&number) {
            // A transfer that no longer waits has ended by itself.
            let _ = waiting.send(outcome);
        }
    }

    fn fail(&mut self, error: &str) {
        for (_, waiting) in self.0.drain() {
            let _ = waiting.send(Err(error.to_owned()));
        }
    }
}

fn request(file: &OutgoingFile, offer: GroupOffer, receivers: Vec<GroupReceiver>) -> GroupRequest {
    GroupRequest {
        source: file.source.clone(),
        transfer: file.transfer,
        stream_key: offer.stream_key,
        segment_bytes: file.settings.segment,
        group: offer.group.socket_address().into(),
        receivers,
        min_receivers: file.settings.delivery.least_group().unwrap_or_default(),
        config: file.settings.sender_config(),
    }
}

/// Waits until all receivers have answered, or until [`GATHER_TIME`] after the first has accepted.
async fn gather(
    messages: &mut mpsc::Receiver<GroupMessage>,
    mut expected: usize,
    waiting: &mut Waiting,
) -> Vec<GroupReceiver> {
    let mut joined = Vec::new();
    let mut deadline = None;
    while joined.len() < expected {
        let message = match deadline {
            None => messages.recv().await,
            Some(deadline) => match timeout_at(deadline, messages.recv()).await {
                Ok(message) => message,
                Err(_) => break,
            },
        };
        match message {
            Some(GroupMessage::Joined(receiver, outcome)) => {
                deadline.get_or_insert_with(|| Instant::now() + GATHER_TIME);
                waiting.0.insert(receiver.number, outcome);
                joined.push(receiver);
            }
            Some(GroupMessage::Declined) => expected -= 1,
            Some(GroupMessage::Left(number)) => {
                expected -= 1;
                waiting.0.remove(&number);
                joined.retain(|receiver| receiver.number != number);
            }
            None => break,
        }
    }
    joined
}

/// A receiver that accepts while the group is under way is served alone.
fn too_late(receiver: &GroupReceiver, outcome: oneshot::Sender<GroupOutcome>) {
    let end = GroupEnd::Moved {
        cause: MoveCause::Unreachable,
        first_segment: 0,
        free_segments: receiver.free_segments,
        elapsed: Duration::ZERO,
    };
    let _ = outcome.send(Ok(end));
}

/// After how many segments each receiver acknowledges.
fn ack_every(window: WindowSetting, receivers: usize) -> usize {
    let most = match window {
        WindowSetting::Fixed(window) => usize::from(window.segments()) / SEGMENTS_PER_ACK,
        WindowSetting::Auto => AUTO_MAX_ACK_EVERY.max(receivers * AUTO_SEGMENTS_PER_ACK),
    };
    (receivers * SEGMENTS_PER_ACK).min(most).max(1)
}

#[cfg(test)]
mod tests {
    use backroom_gbn::Window;

    use super::*;

    #[test]
    fn all_receivers_together_send_fewer_acks_than_there_are_segments_however_many_they_are() {
        for receivers in [1, 2, 8, 9, 64, 1_000] {
            let every = ack_every(WindowSetting::Auto, receivers);
            assert!(
                (2 * receivers..=4 * receivers).contains(&every),
                "{receivers}: {every}"
            );
        }
        let fixed = |window| ack_every(WindowSetting::Fixed(window), 64);
        assert_eq!(fixed(Window::MAX), 256);
        assert_eq!(fixed(Window::DEFAULT), 16, "four ACKs a window");
        assert_eq!(fixed(Window::MIN), 1);
    }
}
