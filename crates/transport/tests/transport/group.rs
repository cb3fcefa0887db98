//! One stream for several receivers that lose different datagrams.

use std::collections::HashMap;
use std::num::NonZeroU16;

use backroom_gbn::{Copies, Window};
use backroom_protocol::Key;
use backroom_protocol::segment::StreamId;
use backroom_transport::file::{
    Control, GroupChannels, GroupEnd, GroupMembership, GroupReceiver, GroupRequest, MoveCause,
    Progress, SendTotals, SenderMessage, SourceFile, receive_file, send_file, send_to_group,
};
use backroom_transport::udp::{UdpEndpoint, UdpOptions};
use tokio::sync::{mpsc, oneshot};

use crate::support::{FanOut, LOOPBACK, Reception, SEGMENT, Transfer, contents, within_a_minute};

/// A receiver: its own stream, and the socket that has joined the group.
struct Member {
    alone: Transfer,
    group: UdpEndpoint,
}

/// The result of a group: why each receiver was moved, if it was, and what the stream took.
struct Outcome {
    moved: Vec<Option<MoveCause>>,
    totals: SendTotals,
}

fn endpoint() -> UdpEndpoint {
    UdpEndpoint::bind(LOOPBACK, UdpOptions::default()).unwrap()
}

/// Receives from the group, and the rest from the sender alone. The file must be `sent`.
async fn receive_whole(
    alone: Transfer,
    number: u16,
    membership: GroupMembership,
    end: oneshot::Receiver<GroupEnd>,
    source: SourceFile,
    sent: Vec<u8>,
) {
    let (message_sender, messages) = mpsc::channel(1);
    let mut request = alone.receive_request();
    request.receiver_number = number;
    request.group = Some(membership);
    let receive = receive_file(
        alone.receiver.take(),
        request,
        &alone.receive_control,
        messages,
    );
    let served = async {
        let hash = match end.await.unwrap() {
            GroupEnd::Finished { hash, .. } => Some(hash),
            GroupEnd::Moved {
                first_segment,
                free_segments,
                ..
            } => {
                let mut request = alone.send_request_of(source, alone.receiver.address);
                request.receiver_number = number;
                request.first_segment = first_segment;
                request.free_segments = free_segments;
                let sent = send_file(alone.sender.take(), request, &alone.send_control).await;
                sent.unwrap().hash
            }
        };
        message_sender
            .send(SenderMessage::Finished(hash))
            .await
            .unwrap();
    };
    let (received, ()) = tokio::join!(receive, served);
    let arrived = std::fs::read(received.unwrap().path).unwrap();
    assert!(arrived == sent, "receiver {number} got another file");
}

/// A member for each reception.
fn members(sent: &[u8], receptions: &[Reception]) -> Vec<Member> {
    let member = |lane| {
        let mut alone = Transfer::of(sent);
        alone.stream.lane = lane;
        Member {
            alone,
            group: endpoint(),
        }
    };
    (1..)
        .zip(receptions)
        .map(|(lane, _)| member(lane))
        .collect()
}

fn receivers(members: &[Member]) -> Vec<GroupReceiver> {
    let receiver = |(number, Member { alone, .. }): (u16, &Member)| GroupReceiver {
        number,
        address: alone.receiver.address,
        ack_key: alone.ack_key.clone(),
        free_segments: alone.options.free_segments(alone.segment_bytes),
        progress: Progress::default(),
    };
    (0..).zip(members).map(receiver).collect()
}

/// Sends `sent` to a receiver for each reception. All must get it; those that are moved get the rest alone.
async fn send_to_all(sent: &[u8], receptions: &[Reception], min_receivers: usize) -> Outcome {
    send_copies_to_all(sent, receptions, min_receivers, Copies::ONE).await
}

async fn send_copies_to_all(
    sent: &[u8],
    receptions: &[Reception],
    min_receivers: usize,
    copies: Copies,
) -> Outcome {
    let stream_key = Key::generate().unwrap();
    // Not a file of a member, because members remove theirs when they have finished.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), sent).unwrap();
    let source = SourceFile::open(file.path()).unwrap();
    let members = members(sent, receptions);
    let transfer = members[0].alone.stream.transfer;
    let routes = members.iter().zip(receptions);
    let routes = routes.map(|(member, reception)| (member.group.local_addr().unwrap(), *reception));
    let network = FanOut::start(routes.collect()).await;

    let mut config = members[0].alone.config;
    config.window = Window::try_from(32_u16).unwrap().into();
    config.copies = copies;
    let request = GroupRequest {
        source: source.clone(),
        transfer,
        stream_key: stream_key.clone(),
        segment_bytes: members[0].alone.segment_bytes,
        group: network.address(),
        receivers: receivers(&members),
        min_receivers,
        config,
    };
    let (ends, mut end_receiver) = mpsc::channel(members.len());
    let (_remove, removed) = mpsc::channel(1);
    let (sender, control) = (endpoint(), Control::default());
    let group = send_to_group(sender, request, &control, GroupChannels { ends, removed });

    let mut serve = tokio::task::JoinSet::new();
    let mut moved = vec![None; members.len()];
    let mut outcomes: HashMap<u16, oneshot::Sender<GroupEnd>> = HashMap::new();
    for (number, Member { mut alone, group }) in (0..).zip(members) {
        let (outcome, end) = oneshot::channel();
        outcomes.insert(number, outcome);
        alone.stream = StreamId {
            transfer,
            ..alone.stream
        };
        let stream_key = stream_key.clone();
        let sent = sent.to_owned();
        let membership = GroupMembership {
            endpoint: group,
            stream_key: stream_key.clone(),
            ack_every: NonZeroU16::new(8).unwrap(),
        };
        serve.spawn(receive_whole(
            alone,
            number,
            membership,
            end,
            source.clone(),
            sent.to_owned(),
        ));
    }
    let listen = async {
        while let Some((number, end)) = end_receiver.recv().await {
            if let GroupEnd::Moved { cause, .. } = end {
                moved[usize::from(number)] = Some(cause);
            }
            outcomes.remove(&number).unwrap().send(end).unwrap();
        }
        while let Some(ended) = serve.join_next().await {
            ended.unwrap();
        }
    };
    let (totals, ()) = within_a_minute(async { tokio::join!(group, listen) }).await;
    Outcome {
        moved,
        totals: totals.unwrap(),
    }
}

#[tokio::test]
async fn each_segment_is_sent_once_for_all_receivers() {
    let sent = contents(500 * SEGMENT + 7);
    let outcome = send_to_all(&sent, &[Reception::Loss(0.0); 3], 1).await;
    assert_eq!(outcome.moved, [None; 3]);
    assert_eq!(outcome.totals.stats.segments, 501);
    let unthinned = 3 * outcome.totals.stats.segments_sent;
    assert!(
        outcome.totals.stats.acks < unthinned,
        "{:?}",
        outcome.totals
    );
}

#[tokio::test]
async fn copies_are_not_acknowledged_one_by_one() {
    let sent = contents(500 * SEGMENT + 7);
    let copies = Copies::try_from(3).unwrap();
    let outcome = send_copies_to_all(&sent, &[Reception::Loss(0.0); 3], 1, copies).await;
    assert_eq!(outcome.moved, [None; 3]);
    let stats = outcome.totals.stats;
    let once = stats.segments + stats.segments_retransmitted;
    assert_eq!(stats.segments_sent, 3 * once);
    // At most one for each segment, and one for each copy of the last.
    assert!(stats.acks <= 3 * (once + 2), "{stats:?}");
}

#[tokio::test]
async fn a_lost_copy_is_replaced_by_the_other_copy() {
    let sent = contents(300 * SEGMENT);
    let copies = Copies::try_from(2).unwrap();
    let outcome = send_copies_to_all(&sent, &[Reception::Loss(0.03); 3], 1, copies).await;
    assert_eq!(outcome.moved, [None; 3]);
    let stats = outcome.totals.stats;
    // About 27 of 300 segments lose a copy at one of the three receivers; that both copies are lost is unlikely.
    assert!(stats.go_backs - stats.timeouts < 8, "{stats:?}");
}

#[tokio::test]
async fn independent_losses_are_repaired() {
    let sent = contents(300 * SEGMENT);
    let outcome = send_to_all(&sent, &[Reception::Loss(0.03); 3], 1).await;
    assert!(outcome.totals.stats.segments_retransmitted > 0);
    assert_eq!(outcome.moved, [None; 3]);
}

#[tokio::test]
async fn a_receiver_that_multicast_does_not_reach_gets_the_file_alone_and_the_others_do_not_wait() {
    let sent = contents(2_000 * SEGMENT);
    let receptions = [
        Reception::Until(0),
        Reception::Loss(0.0),
        Reception::Until(700),
        Reception::Loss(0.0),
    ];
    let outcome = send_to_all(&sent, &receptions, 1).await;
    let expected = [
        Some(MoveCause::Unreachable),
        None,
        Some(MoveCause::Unresponsive),
        None,
    ];
    assert_eq!(outcome.moved, expected);
}

#[tokio::test]
async fn a_receiver_that_loses_far_more_than_the_others_is_moved() {
    // Long enough for straggler detection: with the lossy receiver it would take several times as long.
    let sent = contents(10_000 * SEGMENT);
    let receptions = [
        Reception::Loss(0.0),
        Reception::Loss(0.9),
        Reception::Loss(0.0),
    ];
    let outcome = send_to_all(&sent, &receptions, 1).await;
    assert!(outcome.moved[1].is_some(), "{:?}", outcome.moved);
    assert_eq!((outcome.moved[0], outcome.moved[2]), (None, None));
}

#[tokio::test]
async fn a_group_with_too_few_receivers_serves_none() {
    let sent = contents(50_000);
    let receptions = [Reception::Until(0), Reception::Loss(0.0)];
    let outcome = send_to_all(&sent, &receptions, 2).await;
    assert_eq!(outcome.moved, [Some(MoveCause::Unreachable); 2]);
    assert_eq!(outcome.totals.stats.segments_sent, 0);
}

#[tokio::test]
async fn an_empty_file_needs_no_segment() {
    let outcome = send_to_all(&[], &[Reception::Loss(0.0); 2], 2).await;
    assert_eq!(outcome.moved, [None; 2]);
    assert_eq!(outcome.totals.stats.segments_sent, 0);
}
