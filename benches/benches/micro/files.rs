//! A file transfer over loopback, with both sides in this process.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use backroom_gbn::{SenderConfig, Window};
use backroom_protocol::segment::{SegmentBytes, StreamId};
use backroom_protocol::{FileName, Key, TransferId};
use backroom_transport::file::{
    Control, DownloadFolder, PartFile, ReceiveLimits, ReceiveOptions, ReceiveRequest, SendRequest,
    SenderMessage, SourceFile, receive_file, send_file,
};
use backroom_transport::udp::{UdpEndpoint, UdpOptions};
use criterion::{Criterion, Throughput};
use tokio::sync::mpsc;

const FILE_BYTES: usize = 64 << 20;

/// Measures segments that fit into an Ethernet frame, and the largest ones.
pub(crate) fn loopback(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir_in("/dev/shm").expect("a tmpfs");
    fs::write(folder.path().join("file"), vec![7; FILE_BYTES]).expect("room for the file");
    let mut group = criterion.benchmark_group("file");
    group
        .sample_size(10)
        .throughput(Throughput::Bytes(FILE_BYTES as u64));
    for (segment, window) in [(1_415, 1_024), (65_470, 32)] {
        group.bench_function(format!("loopback/{segment}"), |bencher| {
            bencher.iter(|| runtime.block_on(transfer(folder.path(), segment, window)));
        });
    }
    group.finish();
}

async fn transfer(folder: &Path, segment: u16, window: u16) {
    let segment_bytes = SegmentBytes::try_from(segment).expect("allowed");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let sender = UdpEndpoint::bind(any, UdpOptions::default()).expect("a socket");
    let receiver = UdpEndpoint::bind(any, UdpOptions::default()).expect("a socket");
    let stream = StreamId {
        transfer: TransferId(1),
        lane: 1,
    };
    let (stream_key, ack_key) = (
        Key::generate().expect("random bytes"),
        Key::generate().expect("random bytes"),
    );
    let options = ReceiveOptions::default();
    let (message_sender, messages) = mpsc::channel(1);
    let name = FileName::new("received").expect("a name");
    let source = SourceFile::open(&folder.join("file")).expect("the file");
    let downloads = DownloadFolder::new(folder, ReceiveLimits::default());
    let part = PartFile::create(&downloads, &name, FILE_BYTES as u64, source.attributes());
    let receive = ReceiveRequest {
        part: part.expect("a file"),
        stream,
        stream_key: stream_key.clone(),
        segment_bytes,
        bytes: FILE_BYTES as u64,
        receiver_number: 0,
        ack_key: ack_key.clone(),
        sender: None,
        group: None,
        with_hash: false,
        options,
    };
    let send = SendRequest {
        source,
        stream,
        stream_key,
        segment_bytes,
        receiver: receiver.local_addr().expect("bound"),
        is_proven: true,
        receiver_number: 0,
        ack_key,
        first_segment: 0,
        with_hash: false,
        free_segments: options.free_segments(segment_bytes),
        config: SenderConfig {
            window: Window::try_from(window).expect("allowed").into(),
            ..SenderConfig::default()
        },
    };
    let receiving = tokio::spawn(async move {
        receive_file(receiver, receive, &Control::default(), messages).await
    });
    let sent = send_file(sender, send, &Control::default())
        .await
        .expect("sent");
    let message = SenderMessage::Finished(sent.hash);
    message_sender
        .send(message)
        .await
        .expect("somebody waits for it");
    let received = receiving.await.expect("no panic").expect("received");
    fs::remove_file(received.path).expect("it was there");
}
