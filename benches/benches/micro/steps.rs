//! The work per segment, record and post.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backroom_gbn::{Ack, Receiver, ReceiverId, Sender, SenderConfig, Window};
use backroom_link::{Link, LinkConfig, Loss};
use backroom_protocol::handshake::{ClientHandshake, ServerHandshake, ServerIdentity, SessionKeys};
use backroom_protocol::record::RECORD_HEADER_BYTES;
use backroom_protocol::segment::{
    AckOpener, AckSealer, SegmentBytes, SegmentOpener, SegmentSealer, StreamId, set_round,
};
use backroom_protocol::{
    Cast, Content, Envelopes, Key, KeyPair, MemberId, Password, StretchParams, StretchedPassword,
    Text, TransferId,
};
use criterion::{BatchSize, Criterion, Throughput};

/// Segments per iteration.
const SEGMENTS: u64 = 64;

/// Measures sealing and opening of segments and ACKs.
pub(crate) fn segments(criterion: &mut Criterion) {
    let stream = StreamId {
        transfer: TransferId(1),
        lane: 1,
    };
    let key = Key::generate().expect("random bytes");
    let mut group = criterion.benchmark_group("segment");
    for bytes in [1_200, 1_415, 65_470] {
        let segment = SegmentBytes::try_from(bytes).expect("allowed");
        group.throughput(Throughput::Bytes(bytes.into()));
        let mut datagram = vec![7; segment.datagram_bytes()];
        let mut sealer = SegmentSealer::new(stream, &key);
        let mut seq = 0;
        group.bench_function(format!("seal/{bytes}"), |bencher| {
            bencher.iter(|| {
                sealer
                    .seal(seq, 0, black_box(&mut datagram))
                    .expect("a new number");
                seq += 1;
            });
        });
        SegmentSealer::new(stream, &key)
            .seal(0, 0, &mut datagram)
            .expect("a new number");
        let mut opener = SegmentOpener::new(stream, &key);
        let mut copy = datagram.clone();
        group.bench_function(format!("open/{bytes}"), |bencher| {
            bencher.iter(|| {
                copy.copy_from_slice(&datagram);
                black_box(opener.open(&mut copy).expect("authentic").seq)
            });
        });
        group.bench_function(format!("set round/{bytes}"), |bencher| {
            bencher.iter(|| set_round(black_box(&mut datagram), 3));
        });
    }
    let ack = Ack {
        cumulative: 5,
        accepted_round: 0,
        gap_round: None,
        free_segments: 100,
    };
    let mut sealer = AckSealer::new(stream, 0, &key);
    let mut opener = AckOpener::new(stream, 0, &key);
    group.throughput(Throughput::Elements(1));
    group.bench_function("ack sealed and opened", |bencher| {
        bencher.iter(|| {
            opener
                .open(&sealer.seal(ack).expect("a new number"))
                .expect("authentic")
        });
    });
    group.finish();
}

/// Measures sending, delivering and acknowledging a window.
pub(crate) fn go_back_n(criterion: &mut Criterion) {
    let id = ReceiverId(0);
    let config = SenderConfig {
        window: Window::try_from(SEGMENTS as u16).expect("allowed").into(),
        ..SenderConfig::default()
    };
    let now = Instant::now();
    let mut sender = Sender::new(config, [id]);
    sender.make_available(u64::MAX);
    let mut receiver = Receiver::new(u32::MAX);
    let mut group = criterion.benchmark_group("gbn");
    group.throughput(Throughput::Elements(SEGMENTS));
    group.bench_function("sender and receiver, a window", |bencher| {
        bencher.iter(|| {
            while let Some(run) = sender.poll_transmit(now, 45) {
                for seq in run.segments() {
                    black_box(receiver.handle_segment(seq, run.round));
                }
            }
            receiver.set_free_segments(u32::MAX);
            if let Some(ack) = receiver.poll_transmit() {
                sender.handle_ack(now, id, ack);
            }
            while sender.poll_event().is_some() {}
        });
    });
    let mut receiver = Receiver::new(u32::MAX);
    let mut seq = 0;
    group.bench_function("receiver, a window and its ACK", |bencher| {
        bencher.iter(|| {
            for _ in 0..SEGMENTS {
                black_box(receiver.handle_segment(seq, 0));
                seq += 1;
            }
            receiver.set_free_segments(u32::MAX);
            receiver.poll_transmit()
        });
    });
    group.finish();
}

/// Measures the verdict on a packet.
pub(crate) fn link(criterion: &mut Criterion) {
    let config = LinkConfig {
        rate: "100mbit".parse().ok(),
        delay: Duration::from_millis(20),
        queue: Some(1_000),
        loss: Loss::Random(0.01),
        ..LinkConfig::default()
    };
    let mut link = Link::new(config, 1);
    let mut now = Instant::now();
    criterion.bench_function("link/a packet", |bencher| {
        bencher.iter(|| {
            now += Duration::from_micros(100);
            black_box(link.send(now, 1_237))
        });
    });
}

/// Measures sealing and opening of a record.
pub(crate) fn records(criterion: &mut Criterion) {
    let (mut client, mut server) = session_keys();
    let mut group = criterion.benchmark_group("record");
    for bytes in [100, 16 << 10] {
        let plaintext = vec![7; bytes];
        let mut frame = Vec::new();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("sealed and opened/{bytes}"), |bencher| {
            bencher.iter(|| {
                frame.clear();
                client
                    .send
                    .seal(&plaintext, &mut frame)
                    .expect("short enough");
                let body = &mut frame[RECORD_HEADER_BYTES..];
                black_box(server.receive.open(body).expect("authentic").len())
            });
        });
    }
    group.finish();
}

/// Measures the first post, which sets up a context for each recipient, and a later one.
pub(crate) fn envelopes(criterion: &mut Criterion) {
    let content = Content::Text {
        cast: Cast::Broadcast,
        text: Text::new("x".repeat(100)).expect("short enough"),
    };
    let mut group = criterion.benchmark_group("envelope");
    group.sample_size(10);
    for members in [1, 1_000] {
        let recipients: Vec<_> = (1..=members)
            .map(|number| {
                (
                    MemberId(number),
                    KeyPair::generate().expect("random bytes").public_key(),
                )
            })
            .collect();
        let new = || Envelopes::new(KeyPair::generate().expect("random bytes"), MemberId(0));
        group.bench_function(format!("first post/{members}"), |bencher| {
            bencher.iter_batched(
                new,
                |mut envelopes| envelopes.seal(&content, &recipients),
                BatchSize::PerIteration,
            );
        });
        let mut envelopes = new();
        group.bench_function(format!("post/{members}"), |bencher| {
            bencher.iter(|| {
                envelopes
                    .seal(&content, &recipients)
                    .expect("good recipients")
            });
        });
    }
    group.finish();
}

/// Performs a handshake and returns the keys of the client and of the server.
fn session_keys() -> (SessionKeys, SessionKeys) {
    let params = StretchParams::generate().expect("random bytes");
    let password = Password::new("a bench has no secrets".to_owned()).expect("allowed");
    let stretched = StretchedPassword::stretch(&password, params);
    let (client, hello) = ClientHandshake::start().expect("random bytes");
    let identity = ServerIdentity::ephemeral().expect("random bytes");
    let server =
        ServerHandshake::new(stretched.clone(), Arc::new(identity)).handle_hello(hello.body());
    let (server, challenge) = server.expect("a good hello");
    let client = client
        .handle_challenge(challenge.body())
        .expect("a good challenge");
    let (client, proof) = client.prove(&stretched).expect("a good share");
    let (server, accepted) = server
        .handle_proof(proof.body())
        .expect("the right password");
    (
        client.handle_reply(accepted.body()).expect("accepted").keys,
        server.keys,
    )
}
