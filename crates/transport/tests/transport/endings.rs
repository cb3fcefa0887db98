//! Transfers that end otherwise than they should, and what they leave behind: nothing.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use backroom_gbn::{Timeout, Window};
use backroom_protocol::segment::{SEGMENT_OVERHEAD, SegmentBytes, SegmentSealer};
use backroom_protocol::{FileName, Key};
use backroom_transport::file::{
    DownloadFolder, PartFile, PartFileError, ReceiveError, ReceiveLimits, SendError, SenderMessage,
    TraceKind, receive_file, send_file, trace_channel,
};
use backroom_transport::udp::{UdpEndpoint, UdpOptions};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::support::{
    Faults, LOOPBACK, SEGMENT, Transfer, attributes, contents, has_ipv6, names_in, within_a_minute,
};

/// A transfer that takes long enough to be interrupted: stop-and-wait over a network that loses half.
fn endless() -> Transfer {
    let mut transfer = Transfer::of(&contents(5_000_000));
    transfer.config.window = Window::MIN.into();
    transfer.config.timeout = Timeout::Fixed(Duration::from_millis(20));
    transfer.faults = Some(Faults {
        seed: 1,
        loss: 0.5,
        ..Faults::default()
    });
    transfer
}

/// Waits until something has arrived.
async fn under_way(transfer: &Transfer) {
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    while transfer.receive_control.progress.bytes() == 0 {
        tick.tick().await;
    }
}

#[tokio::test]
async fn a_cancelled_sender_ends_and_so_does_its_receiver() {
    let mut transfer = endless();
    transfer.options.max_stall = Duration::from_secs(50);
    let cancel = async {
        under_way(&transfer).await;
        transfer.send_control.cancel.cancel();
    };
    let (ended, ()) = tokio::join!(transfer.run(), cancel);
    let failure = ended.sent.unwrap_err();
    assert!(matches!(failure.error, SendError::Cancelled), "{failure}");
    assert!(
        failure.totals.stats.segments_sent > 0,
        "a failure tells what was spent"
    );
    // The caller's word, which the sealed path would carry, reaches it before the idle time does.
    assert!(matches!(ended.received, Err(ReceiveError::SenderLost)));
    assert_eq!(names_in(&transfer.downloads()), [""; 0]);
}

#[tokio::test]
async fn a_cancelled_receiver_leaves_nothing_and_its_sender_notices() {
    let mut transfer = endless();
    transfer.config.max_stall = Duration::from_millis(300);
    transfer.faults = None;
    let cancel = async {
        under_way(&transfer).await;
        transfer.receive_control.cancel.cancel();
    };
    let (ended, ()) = tokio::join!(transfer.run(), cancel);
    assert!(matches!(ended.received, Err(ReceiveError::Cancelled)));
    let failure = ended.sent.unwrap_err();
    assert!(
        matches!(failure.error, SendError::ReceiverLost(_)),
        "{failure}"
    );
    assert_eq!(names_in(&transfer.downloads()), [""; 0]);
}

#[tokio::test]
async fn cancelling_ends_a_transfer_that_waits_for_nothing_else() {
    let mut transfer = Transfer::of(&contents(100));
    transfer.config.timeout = Timeout::Fixed(Duration::from_secs(3_600));
    transfer.options.max_stall = Duration::from_secs(3_600);
    let deaf = UdpSocket::bind(LOOPBACK).await.unwrap();
    let request = transfer.send_request(deaf.local_addr().unwrap());
    let send = send_file(transfer.sender.take(), request, &transfer.send_control);
    let cancel = async {
        deaf.recv(&mut [0; 2_000]).await.unwrap();
        transfer.send_control.cancel.cancel();
    };
    let (sent, ()) = within_a_minute(async { tokio::join!(send, cancel) }).await;
    assert!(matches!(sent.unwrap_err().error, SendError::Cancelled));

    let (_message_sender, messages) = mpsc::channel(1);
    let request = transfer.receive_request();
    let receive = receive_file(
        transfer.receiver.take(),
        request,
        &transfer.receive_control,
        messages,
    );
    let cancel = async {
        // Once it has answered, the receiver waits for its sender's word.
        let mut datagram = vec![0; SEGMENT_OVERHEAD + 100];
        let mut sealer = SegmentSealer::new(transfer.stream, &transfer.stream_key);
        sealer.seal(0, 0, &mut datagram).unwrap();
        deaf.send_to(&datagram, transfer.receiver.address)
            .await
            .unwrap();
        let (_, from) = deaf.recv_from(&mut [0; 2_000]).await.unwrap();
        assert_eq!(from, transfer.receiver.address);
        transfer.receive_control.cancel.cancel();
    };
    let (received, ()) = within_a_minute(async { tokio::join!(receive, cancel) }).await;
    assert!(matches!(received, Err(ReceiveError::Cancelled)));
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_lost() {
    let mut transfer = Transfer::of(&contents(100_000));
    transfer.config.timeout = Timeout::Fixed(Duration::from_millis(5));
    transfer.config.max_stall = Duration::from_millis(50);
    let deaf = UdpSocket::bind(LOOPBACK).await.unwrap();
    let request = transfer.send_request(deaf.local_addr().unwrap());
    let sent = within_a_minute(send_file(
        transfer.sender.take(),
        request,
        &transfer.send_control,
    ))
    .await;
    let failure = sent.unwrap_err();
    assert!(
        matches!(failure.error, SendError::ReceiverLost(_)),
        "{failure}"
    );
    assert!(failure.totals.stats.timeouts >= 2);
    assert_eq!(failure.totals.bytes, 0);
}

#[tokio::test]
async fn a_sender_that_never_sends_is_lost() {
    let mut transfer = Transfer::of(&contents(100));
    transfer.options.max_stall = Duration::from_millis(50);
    let (_message_sender, messages) = mpsc::channel(1);
    let request = transfer.receive_request();
    let received = within_a_minute(receive_file(
        transfer.receiver.take(),
        request,
        &transfer.receive_control,
        messages,
    ))
    .await;
    assert!(matches!(received, Err(ReceiveError::SenderLost)));
    assert_eq!(names_in(&transfer.downloads()), [""; 0]);
}

/// Each message starts the idle time anew.
#[tokio::test]
async fn a_sender_that_says_wait_is_not_lost() {
    let mut transfer = Transfer::of(&contents(100));
    transfer.options.max_stall = Duration::from_secs(1);
    let (message_sender, messages) = mpsc::channel(1);
    let request = transfer.receive_request();
    let begun = Instant::now();
    let receive = receive_file(
        transfer.receiver.take(),
        request,
        &transfer.receive_control,
        messages,
    );
    let wait = async {
        let mut pause = tokio::time::interval(Duration::from_millis(100));
        for _ in 0..15 {
            pause.tick().await;
            message_sender.send(SenderMessage::Wait).await.unwrap();
        }
        begun.elapsed()
    };
    let (received, waited) = within_a_minute(async { tokio::join!(receive, wait) }).await;
    assert!(matches!(received, Err(ReceiveError::SenderLost)));
    let max_stall = transfer.options.max_stall;
    assert!(waited > max_stall && begun.elapsed() > waited + max_stall / 2);
}

#[tokio::test]
async fn a_receiver_whose_future_is_dropped_leaves_nothing() {
    let transfer = Transfer::of(&contents(100));
    let (_message_sender, messages) = mpsc::channel(1);
    let request = transfer.receive_request();
    assert_eq!(names_in(&transfer.downloads()).len(), 1);
    let receive = receive_file(
        transfer.receiver.take(),
        request,
        &transfer.receive_control,
        messages,
    );
    tokio::select! {
        biased;
        _ = receive => panic!("nothing was sent"),
        () = tokio::task::yield_now() => {}
    }
    // The thread ends on its own time.
    within_a_minute(async {
        while !names_in(&transfer.downloads()).is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_whose_hash_does_not_match_gets_no_name() {
    for bytes in [0, 1, 100_000] {
        let wrong = |hash: Option<[u8; 32]>| hash.map(|hash| [!hash[0]; 32]);
        let missing = |_| None;
        for tell in [wrong as fn(_) -> _, missing] {
            let transfer = Transfer::of(&contents(bytes));
            let ended = transfer.run_telling(tell).await;
            assert!(ended.sent.is_ok());
            assert!(matches!(ended.received, Err(ReceiveError::WrongHash)));
            assert_eq!(names_in(&transfer.downloads()), [""; 0]);
        }
    }
}

#[tokio::test]
async fn strangers_datagrams_change_nothing_and_get_no_answer() {
    let sent = contents(200_000);
    let transfer = Transfer::of(&sent);
    let stranger = UdpSocket::bind(LOOPBACK).await.unwrap();
    let mut forged = vec![0_u8; SegmentBytes::DEFAULT.datagram_bytes()];
    forged[0] = 1;
    forged[1..9].copy_from_slice(&transfer.stream.transfer.0.to_be_bytes());
    forged[9..11].copy_from_slice(&1_u16.to_be_bytes());
    for target in [&transfer.sender, &transfer.receiver] {
        let target = target.address;
        for datagram in [
            &b""[..],
            b"x",
            &vec![0; SegmentBytes::DEFAULT.datagram_bytes()],
            &[2; 82],
            &forged,
            &vec![1; 60_000],
        ] {
            stranger.send_to(datagram, target).await.unwrap();
        }
    }
    let ended = transfer.run().await;
    let received = ended.received.unwrap();
    assert!(fs::read(&received.path).unwrap() == sent);
    assert_eq!(
        received.dropped, 5,
        "all but the empty one reach the receiver and are counted"
    );
    assert_eq!(ended.sent.unwrap().totals.dropped, 5);
    let mut answer = [0; 100];
    assert!(
        stranger.try_recv(&mut answer).is_err(),
        "what does not open is not answered"
    );
}

#[tokio::test]
async fn a_recorded_segment_sent_again_by_a_stranger_is_answered_to_the_sender() {
    let transfer = Transfer::of(&contents(5_000));
    let receiver = transfer.receiver.address;
    let (_message_sender, messages) = mpsc::channel(1);
    let request = transfer.receive_request();
    let sender = UdpSocket::bind(LOOPBACK).await.unwrap();
    let stranger = UdpSocket::bind(LOOPBACK).await.unwrap();
    let mut datagram = vec![0; SEGMENT_OVERHEAD + SEGMENT];
    let mut sealer = SegmentSealer::new(transfer.stream, &transfer.stream_key);
    sealer.seal(0, 0, &mut datagram).unwrap();
    let exchange = async {
        let mut ack = [0; 200];
        sender.send_to(&datagram, receiver).await.unwrap();
        sender.recv(&mut ack).await.unwrap();
        stranger.send_to(&datagram, receiver).await.unwrap();
        sender.recv(&mut ack).await.unwrap();
        assert!(
            stranger.try_recv(&mut ack).is_err(),
            "a stranger gets no answer"
        );
    };
    tokio::select! {
        _ = receive_file(transfer.receiver.take(), request, &transfer.receive_control, messages) => panic!("one segment is no file"),
        () = within_a_minute(exchange) => {}
    }
}

#[tokio::test]
async fn authentic_segments_that_do_not_fit_the_offered_file_are_dropped() {
    let mut transfer = Transfer::of(&contents(2_000));
    transfer.options.max_stall = Duration::from_millis(300);
    let (_message_sender, messages) = mpsc::channel(1);
    let request = transfer.receive_request();
    let sender = UdpSocket::bind(LOOPBACK).await.unwrap();
    let mut sealer = SegmentSealer::new(transfer.stream, &transfer.stream_key);
    // Shorter than the first segment is, longer than the last, and one beyond the end.
    for (seq, payload_bytes) in [(0, 1_199), (1, 801), (2, 1)] {
        let mut datagram = vec![0; SEGMENT_OVERHEAD + payload_bytes];
        sealer.seal(seq, 0, &mut datagram).unwrap();
        sender
            .send_to(&datagram, transfer.receiver.address)
            .await
            .unwrap();
    }
    let (sink, mut events) = trace_channel(10);
    transfer.receive_control.trace = Some(sink);
    let received = within_a_minute(receive_file(
        transfer.receiver.take(),
        request,
        &transfer.receive_control,
        messages,
    ))
    .await;
    assert!(matches!(received, Err(ReceiveError::SenderLost)));
    drop(transfer);
    let mut kinds = Vec::new();
    while let Some(event) = within_a_minute(events.receive()).await {
        kinds.push(event.kind);
    }
    assert_eq!(kinds, [TraceKind::Dropped; 3]);
}

#[tokio::test]
async fn a_receiver_with_another_key_takes_nothing() {
    let mut transfer = Transfer::of(&contents(10_000));
    transfer.options.max_stall = Duration::from_millis(300);
    transfer.config.timeout = Timeout::Fixed(Duration::from_millis(5));
    transfer.config.max_stall = Duration::from_millis(50);
    let (_message_sender, messages) = mpsc::channel(1);
    let mut receive_request = transfer.receive_request();
    receive_request.stream_key = Key::generate().unwrap();
    let send_request = transfer.send_request(transfer.receiver.address);
    let send = send_file(transfer.sender.take(), send_request, &transfer.send_control);
    let receive = receive_file(
        transfer.receiver.take(),
        receive_request,
        &transfer.receive_control,
        messages,
    );
    let (sent, received) = within_a_minute(async { tokio::join!(send, receive) }).await;
    assert!(matches!(
        sent.unwrap_err().error,
        SendError::ReceiverLost(_)
    ));
    assert!(matches!(received, Err(ReceiveError::SenderLost)));
}

#[tokio::test]
async fn a_segment_that_no_packet_holds_is_refused_at_once() {
    if !has_ipv6() {
        return;
    }
    let mut transfer = Transfer::of(&contents(100));
    // IPv6 takes 20 bytes more for its header, so this segment fits 65,536 bytes over IPv4 only.
    let receiver = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 9));
    transfer.segment_bytes = SegmentBytes::try_from(65_470).unwrap();
    let sender = UdpEndpoint::bind(
        SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0)),
        UdpOptions::default(),
    )
    .unwrap();
    let request = transfer.send_request(receiver);
    let sent = within_a_minute(send_file(sender, request, &transfer.send_control)).await;
    let failure = sent.unwrap_err();
    let SendError::SegmentTooLarge {
        max_segment_bytes, ..
    } = failure.error
    else {
        panic!("{failure}");
    };
    assert_eq!(max_segment_bytes, 65_536 - 40 - 8 - 37);
}

#[test]
fn what_is_too_large_for_the_limits_or_the_disk_is_refused_before_it_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let name = FileName::new("big").unwrap();
    let limits = ReceiveLimits {
        max_bytes: 1_000,
        keep_free_bytes: 0,
    };
    let create = |path, bytes, limits| {
        PartFile::create(
            &DownloadFolder::new(path, limits),
            &name,
            bytes,
            attributes(),
        )
    };
    assert!(create(folder.path(), 1_000, limits).is_ok());
    let too_large = create(folder.path(), 1_001, limits);
    assert!(matches!(too_large, Err(PartFileError::TooLarge { .. })));
    let too_full = create(folder.path(), u64::MAX / 2, ReceiveLimits::default());
    assert!(matches!(too_full, Err(PartFileError::NoSpace { .. })));
    let nowhere = create(&folder.path().join("missing"), 1, limits);
    assert!(matches!(nowhere, Err(PartFileError::Folder(..))));
    assert_eq!(names_in(folder.path()), [""; 0]);
}
