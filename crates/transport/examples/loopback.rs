//! How fast one file goes over loopback, from memory to memory: `cargo run --release -p backroom-transport --example
//! loopback -- [MIB] [SEGMENT_BYTES] [WINDOW] [GSO: on|off] [RUNS]`.
//!
//! Both files lie in `/dev/shm`, so that no disk takes part; sender and receiver share one process.

use std::env;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use backroom_gbn::{SenderConfig, WindowSetting};
use backroom_protocol::segment::{SegmentBytes, StreamId};
use backroom_protocol::{FileName, Key, TransferId};
use backroom_transport::file::{
    Control, PartFile, ReceiveLimits, ReceiveOptions, ReceiveOutcome, ReceiveRequest, SendOutcome,
    SendRequest, SenderMessage, SourceFile, receive_file, send_file,
};
use backroom_transport::udp::{UdpEndpoint, UdpOptions};
use tokio::sync::mpsc;

struct Settings {
    mib: u64,
    segment_bytes: SegmentBytes,
    window: WindowSetting,
    gso: bool,
    runs: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let argument = |index: usize, default: &str| {
        arguments
            .get(index)
            .map_or(default, String::as_str)
            .to_owned()
    };
    let settings = Settings {
        mib: argument(0, "1024").parse()?,
        segment_bytes: argument(1, "1415").parse()?,
        window: argument(2, "1024").parse()?,
        gso: argument(3, "on") == "on",
        runs: argument(4, "5").parse()?,
    };
    let folder = tempfile::tempdir_in("/dev/shm")?;
    let source = folder.path().join("source");
    write_source(&source, settings.mib)?;
    for _ in 0..settings.runs {
        run(&settings, &source, folder.path()).await?;
    }
    Ok(())
}

fn write_source(path: &Path, mib: u64) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut hash = blake3::Hasher::new().finalize_xof();
    let mut chunk = vec![0; 1 << 20];
    for _ in 0..mib {
        hash.fill(&mut chunk);
        file.write_all(&chunk)?;
    }
    Ok(file.flush()?)
}

async fn run(settings: &Settings, source: &Path, folder: &Path) -> Result<()> {
    let started = Instant::now();
    let (sent, received) = transfer(settings, source, folder).await?;
    let wall = started.elapsed();
    let stats = sent.totals.stats;
    let bytes = sent.totals.bytes as f64;
    println!(
        "{:6.0} MB/s to the last ACK, {:6.0} MB/s until it has its name; segments {} sent {} go-backs {} timeouts {} \
         acks {} srtt {:?} min rtt {:?} out of order {} no space {}",
        bytes / sent.totals.elapsed.as_secs_f64() / 1e6,
        bytes / wall.as_secs_f64() / 1e6,
        stats.segments,
        stats.segments_sent,
        stats.go_backs,
        stats.timeouts,
        stats.acks,
        stats.srtt.unwrap_or_default(),
        stats.min_rtt.unwrap_or_default(),
        received.stats.out_of_order,
        received.stats.no_space,
    );
    std::fs::remove_file(received.path)?;
    Ok(())
}

async fn transfer(
    settings: &Settings,
    source: &Path,
    folder: &Path,
) -> Result<(SendOutcome, ReceiveOutcome)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = UdpOptions {
        gso: settings.gso,
        ..UdpOptions::default()
    };
    let (sender, receiver) = (
        UdpEndpoint::bind(address, options)?,
        UdpEndpoint::bind(address, options)?,
    );
    let source = SourceFile::open(source)?;
    let stream = StreamId {
        transfer: TransferId::generate()?,
        lane: 1,
    };
    let (stream_key, ack_key) = (Key::generate()?, Key::generate()?);
    let (message_sender, messages) = mpsc::channel(1);
    let receive_options = ReceiveOptions::default();
    let name = FileName::new("received")?;
    let receive_request = ReceiveRequest {
        part: PartFile::create(folder, &name, source.bytes(), &ReceiveLimits::default())?,
        stream,
        stream_key: stream_key.clone(),
        segment_bytes: settings.segment_bytes,
        bytes: source.bytes(),
        receiver_number: 0,
        ack_key: ack_key.clone(),
        group: None,
        with_hash: false,
        options: receive_options,
    };
    let send_request = SendRequest {
        source,
        stream,
        stream_key,
        segment_bytes: settings.segment_bytes,
        receiver: receiver.local_addr()?,
        receiver_number: 0,
        ack_key,
        first_segment: 0,
        with_hash: false,
        free_segments: receive_options.free_segments(settings.segment_bytes),
        config: SenderConfig {
            window: settings.window,
            ..SenderConfig::default()
        },
    };
    let receive = tokio::spawn(async move {
        receive_file(receiver, receive_request, &Control::default(), messages).await
    });
    let sent = send_file(sender, send_request, &Control::default()).await?;
    if message_sender
        .send(SenderMessage::Finished(sent.hash))
        .await
        .is_err()
    {
        eprintln!("the receiver has given up");
    }
    Ok((sent, receive.await??))
}
