//! One stream for many receivers: who takes part in it, and what becomes of each.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use backroom_gbn::WindowSetting;
use backroom_protocol::segment::{GROUP_LANE, Stream as StreamId};
use backroom_protocol::{Group, GroupOffer, Key, TransferId};
use backroom_transport::file::{
    Control, GroupEnd, GroupMembers, GroupReceiver, GroupRequest, SendFailure, SendTotals,
    SourceFile, Streams, send_to_group,
};
use backroom_transport::udp::{UdpEndpoint, UdpOptions};
use backroom_vocabulary::trace::Side;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::stop::Stop;
use crate::settings::Settings;
use crate::tracer::{Begin, Tracer};

/// How long the first to accept waits for the others. Who takes longer is served alone.
const GATHER_TIME: Duration = Duration::from_secs(1);

/// ACKs of one receiver go without each other for so many segments as there are receivers, times this: all together
/// the sender gets one ACK for that many segments. But a window has at least as many ACKs.
const ACK_THINNING: usize = 4;

/// The same where the window is found: it grows by what an ACK answers, so that must stay little. But with more receivers than
/// eight it grows with them again: all of them send one ACK for two segments.
const MOST_SEGMENTS_PER_ACK: usize = 16;
const AUTO_ACK_THINNING: usize = 2;

/// What a receiver's stream says to the group.
#[derive(Debug)]
pub(super) enum Word {
    /// It accepted. What becomes of it is told to it.
    Joined(GroupReceiver, oneshot::Sender<Served>),
    /// It did not accept.
    Declined,
    /// It wants no more.
    Left(u16),
}

/// What became of a receiver.
#[derive(Debug)]
pub(super) enum Served {
    /// It had its end.
    End(GroupEnd),
    /// Sending ended for all.
    Failed(String),
}

/// A receiver's place in a group.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) offer: GroupOffer,
    /// Where the group's segments come from.
    pub(super) port: NonZeroU16,
    pub(super) words: mpsc::Sender<Word>,
    /// Those who are served alone after all take turns.
    pub(super) turns: Arc<Semaphore>,
}

/// A stream to a group before it begins.
#[derive(Debug)]
pub(super) struct GroupStream {
    endpoint: UdpEndpoint,
    offer: GroupOffer,
    port: NonZeroU16,
    receivers: usize,
    words: mpsc::Receiver<Word>,
    speak: mpsc::Sender<Word>,
    turns: Arc<Semaphore>,
}

/// What a group needs to know of its transfer.
#[derive(Debug)]
pub(super) struct GroupTransfer {
    pub(super) transfer: TransferId,
    pub(super) source: SourceFile,
    pub(super) settings: Settings,
    pub(super) least_receivers: usize,
    pub(super) trace: Option<Tracer>,
    pub(super) stop: Stop,
    /// All that this member sends.
    pub(super) streams: Streams,
}

impl GroupStream {
    /// Chooses a group for so many receivers on the network of `interface`.
    pub(super) fn new(
        interface: Ipv4Addr,
        receivers: usize,
        settings: &Settings,
        gso: bool,
        turns: Arc<Semaphore>,
    ) -> anyhow::Result<Self> {
        let options = UdpOptions {
            gso,
            ..UdpOptions::default()
        };
        let endpoint = UdpEndpoint::bind_for_groups(interface, options)?;
        let port = endpoint.local_addr()?.port().try_into()?;
        let ack_every = ack_every(settings.window, receivers);
        let offer = GroupOffer {
            group: Group::generate()?,
            stream_key: Key::generate()?,
            ack_every: u16::try_from(ack_every)?.try_into()?,
        };
        // Each receiver says two things at most.
        let (speak, words) = mpsc::channel(2 * receivers.max(1));
        Ok(Self {
            endpoint,
            offer,
            port,
            receivers,
            words,
            speak,
            turns,
        })
    }

    /// A place for one of the receivers.
    pub(super) fn seat(&self) -> Seat {
        Seat {
            offer: self.offer.clone(),
            port: self.port,
            words: self.speak.clone(),
            turns: Arc::clone(&self.turns),
        }
    }

    /// Serves those who accept, until no receiver has anything to say any more. `None` where nobody was served.
    pub(super) async fn run(self, transfer: GroupTransfer) -> Option<SendTotals> {
        let Self {
            endpoint,
            offer,
            receivers,
            mut words,
            speak,
            ..
        } = self;
        drop(speak);
        let mut served = HashMap::new();
        let joined = gather(&mut words, receivers, &mut served).await;
        let (tell_end, mut ends) = mpsc::channel(receivers.max(1));
        let (remove, removed) = mpsc::channel(receivers.max(1));
        let control = transfer.control();
        let request = GroupRequest {
            source: transfer.source,
            transfer: transfer.transfer,
            stream_key: offer.stream_key,
            segment_bytes: transfer.settings.segment,
            group: offer.group.socket_address().into(),
            receivers: joined,
            least_receivers: transfer.least_receivers,
            config: transfer.settings.sender_config(),
        };
        let members = GroupMembers {
            ends: tell_end,
            removed,
        };
        let mut sending = pin!(send_to_group(endpoint, request, &control, members));
        let mut outcome = None;
        let mut listening = true;
        while listening || outcome.is_none() {
            tokio::select! {
                ended = &mut sending, if outcome.is_none() => outcome = Some(ended),
                Some((number, end)) = ends.recv() => tell(&mut served, number, Served::End(end)),
                word = words.recv(), if listening => match word {
                    Some(Word::Joined(receiver, tell)) => too_late(&receiver, tell),
                    Some(Word::Left(number)) => {
                        served.remove(&number);
                        // Where it is full, or nobody listens any more, the receiver falls silent by itself.
                        let _ = remove.try_send(number);
                    }
                    Some(Word::Declined) => {}
                    None => listening = false,
                },
            }
            if let Some(Err(SendFailure { error, .. })) = &outcome {
                while let Ok((number, end)) = ends.try_recv() {
                    tell(&mut served, number, Served::End(end));
                }
                for (_, waiting) in served.drain() {
                    let _ = waiting.send(Served::Failed(error.to_string()));
                }
            }
        }
        match outcome {
            Some(Ok(totals) | Err(SendFailure { totals, .. })) => Some(totals),
            None => None,
        }
    }
}

impl GroupTransfer {
    fn control(&self) -> Control {
        let begin = Begin {
            stream: StreamId {
                transfer: self.transfer,
                lane: GROUP_LANE,
            },
            side: Side::Sender,
            window: self.settings.window.fixed(),
            bytes: self.source.bytes(),
            segment_bytes: self.settings.segment.value(),
        };
        Control {
            cancel: self.stop.token(),
            streams: self.streams.clone(),
            trace: self.trace.as_ref().and_then(|tracer| tracer.begin(begin)),
            ..Control::default()
        }
    }
}

/// Waits until all have answered, or the first has waited long enough.
async fn gather(
    words: &mut mpsc::Receiver<Word>,
    mut expected: usize,
    served: &mut HashMap<u16, oneshot::Sender<Served>>,
) -> Vec<GroupReceiver> {
    let mut joined = Vec::new();
    let mut until = None;
    while joined.len() < expected {
        let word = tokio::select! {
            word = words.recv() => word,
            () = at(until) => break,
        };
        match word {
            Some(Word::Joined(receiver, tell)) => {
                until.get_or_insert_with(|| Instant::now() + GATHER_TIME);
                served.insert(receiver.number, tell);
                joined.push(receiver);
            }
            Some(Word::Declined) => expected -= 1,
            Some(Word::Left(number)) => {
                expected -= 1;
                served.remove(&number);
                joined.retain(|receiver| receiver.number != number);
            }
            None => break,
        }
    }
    joined
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn tell(served: &mut HashMap<u16, oneshot::Sender<Served>>, number: u16, word: Served) {
    if let Some(waiting) = served.remove(&number) {
        // A stream that does not listen has ended by itself.
        let _ = waiting.send(word);
    }
}

/// Who accepted when the group was on its way already is served alone.
fn too_late(receiver: &GroupReceiver, tell: oneshot::Sender<Served>) {
    let end = GroupEnd::Moved {
        cause: backroom_transport::file::MoveCause::Deaf,
        first_segment: 0,
        free_segments: receiver.free_segments,
        elapsed: Duration::ZERO,
    };
    let _ = tell.send(Served::End(end));
}

/// After how many segments each receiver of so many is to acknowledge.
fn ack_every(window: WindowSetting, receivers: usize) -> usize {
    let most = match window {
        WindowSetting::Fixed(window) => usize::from(window.segments()) / ACK_THINNING,
        WindowSetting::Auto => MOST_SEGMENTS_PER_ACK.max(receivers * AUTO_ACK_THINNING),
    };
    (receivers * ACK_THINNING).min(most).max(1)
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
