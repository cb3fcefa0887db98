//! Files that arrive, byte for byte.

use std::fs;
use std::net::{Ipv6Addr, SocketAddr};

use backroom_gbn::{Copies, Window};
use backroom_protocol::segment::SegmentBytes;
use backroom_transport::file::{ReceiveOptions, TraceKind, trace_channel};
use backroom_transport::udp::{Route, UdpOptions};

use crate::support::{LOOPBACK, SEGMENT, Transfer, contents, has_ipv6, names_in, within_a_minute};

/// Segments of one GSO batch at the default size.
const BATCH: usize = 52;

async fn arrives(transfer: &Transfer, sent: &[u8]) {
    let ended = transfer.run().await;
    let (outcome, received) = (ended.sent.unwrap(), ended.received.unwrap());
    assert_eq!(received.path, transfer.downloads().join("received.bin"));
    let arrived = fs::read(&received.path).unwrap();
    assert!(
        arrived == sent,
        "{} bytes arrived otherwise than they were sent",
        sent.len()
    );
    let hash = transfer.with_hash.then(|| blake3::hash(sent).into());
    assert_eq!(outcome.hash, hash);
    assert_eq!(outcome.totals.bytes, sent.len() as u64);
    let segments = sent.len().div_ceil(transfer.segment_bytes.value().into()) as u64;
    assert_eq!(outcome.totals.stats.segments, segments);
    assert_eq!(received.stats.delivered, segments);
    assert_eq!(transfer.send_control.progress.bytes(), sent.len() as u64);
    assert_eq!(transfer.receive_control.progress.bytes(), sent.len() as u64);
    assert_eq!(
        names_in(&transfer.downloads()),
        ["received.bin"],
        "nothing else is left behind"
    );
}

#[tokio::test]
async fn files_of_every_size_around_a_segment_and_a_batch_arrive() {
    for (gso, with_hash) in [(true, false), (false, true)] {
        for bytes in [
            0,
            1,
            SEGMENT - 1,
            SEGMENT,
            SEGMENT + 1,
            BATCH * SEGMENT - 1,
            BATCH * SEGMENT,
            BATCH * SEGMENT + 1,
            10 * BATCH * SEGMENT,
            3_000_000,
        ] {
            let sent = contents(bytes);
            let mut transfer = Transfer::over(
                &sent,
                LOOPBACK,
                UdpOptions {
                    gso,
                    ..UdpOptions::default()
                },
            );
            transfer.with_hash = with_hash;
            arrives(&transfer, &sent).await;
        }
    }
}

#[tokio::test]
async fn a_file_arrives_over_ipv6() {
    if !has_ipv6() {
        return;
    }
    let sent = contents(500_000);
    let address = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 0);
    arrives(
        &Transfer::over(&sent, address, UdpOptions::default()),
        &sent,
    )
    .await;
}

#[tokio::test]
async fn windows_from_one_segment_to_the_most_work() {
    for window in [1_u16, 2, 51, 52, 53, 1_000, 65_535] {
        let sent = contents(400_000);
        let mut transfer = Transfer::of(&sent);
        transfer.config.window = Window::try_from(window).unwrap().into();
        arrives(&transfer, &sent).await;
    }
}

#[tokio::test]
async fn segments_from_the_smallest_to_the_largest_the_route_takes_work() {
    let overhead = SegmentBytes::DEFAULT.datagram_bytes() - SEGMENT;
    let route = Route::to(SocketAddr::from(([127, 0, 0, 1], 9))).unwrap();
    let largest = route.max_datagram_bytes() - overhead;
    for segment in [16, 100, 1_415, 32_000, largest] {
        let sent = contents(segment * 70 + 3);
        let mut transfer = Transfer::of(&sent);
        transfer.segment_bytes = SegmentBytes::try_from(segment as u16).unwrap();
        arrives(&transfer, &sent).await;
    }
}

#[tokio::test]
async fn a_receiver_with_space_for_two_segments_gets_everything() {
    let sent = contents(100 * SEGMENT + 7);
    let mut transfer = Transfer::of(&sent);
    transfer.options = ReceiveOptions {
        buffer_bytes: 1,
        ..ReceiveOptions::default()
    };
    arrives(&transfer, &sent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_files_at_once_do_not_mix() {
    let transfers: Vec<_> = (0..6)
        .map(|number| {
            let sent = contents(1_000_000 + number);
            tokio::spawn(async move { arrives(&Transfer::of(&sent), &sent).await })
        })
        .collect();
    for transfer in transfers {
        within_a_minute(transfer).await.unwrap();
    }
}

#[tokio::test]
async fn a_trace_tells_every_segment_and_every_ack_of_both_sides() {
    let sent = contents(40 * SEGMENT);
    for copies in [1, 3] {
        trace_tells_all(&sent, Copies::try_from(copies).unwrap()).await;
    }
}

async fn trace_tells_all(sent: &[u8], copies: Copies) {
    let mut transfer = Transfer::of(sent);
    transfer.config.copies = copies;
    let (sink, mut events) = trace_channel(10_000);
    transfer.send_control.trace = Some(sink.clone());
    transfer.receive_control.trace = Some(sink);
    let ended = transfer.run().await;
    let (outcome, received) = (ended.sent.unwrap(), ended.received.unwrap());
    drop(transfer);

    let (mut transmitted, mut arrived, mut acks_sent, mut acks_received) = (0, 0, 0, 0);
    while let Some(event) = within_a_minute(events.receive()).await {
        match event.kind {
            TraceKind::Transmit(run) => transmitted += run.count as u64,
            TraceKind::Segment { .. } => arrived += 1,
            TraceKind::AckSent(_) => acks_sent += 1,
            TraceKind::AckReceived(_) => acks_received += 1,
            TraceKind::GoBack { .. } | TraceKind::Refused { .. } | TraceKind::Dropped => {}
        }
    }
    assert_eq!(events.dropped(), 0);
    assert_eq!(transmitted, outcome.totals.stats.segments_sent);
    let stats = received.stats;
    assert_eq!(
        arrived,
        stats.delivered + stats.duplicates + stats.out_of_order + stats.no_space
    );
    assert_eq!(acks_sent, stats.acks);
    assert_eq!(acks_received, outcome.totals.stats.acks);
}

#[tokio::test]
async fn a_trace_without_room_counts_what_it_misses() {
    let sent = contents(40 * SEGMENT);
    let mut transfer = Transfer::of(&sent);
    let (sink, events) = trace_channel(1);
    transfer.receive_control.trace = Some(sink);
    arrives(&transfer, &sent).await;
    assert!(
        events.dropped() >= 39,
        "40 segments and an ACK found room for one event"
    );
}
