//! The upper limit of this machine: one thread seals and sends, another receives and opens. There are no ACKs, and nothing is sent
//! again. It runs without files, or with the least that a file costs: reading each batch, and writing each train of datagrams.

use std::fs::File;
use std::io::{self, IoSlice, Read as _, Seek as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use backroom_protocol::segment::{
    HEADER_BYTES, SegmentBytes, SegmentOpener, SegmentSealer, StreamId,
};
use backroom_protocol::{Key, TransferId};
use backroom_transport::udp::{UdpEndpoint, UdpOptions};

/// After this long without a datagram the sender has ended.
const SILENCE: Duration = Duration::from_millis(200);

/// Trains of datagrams taken in one call.
const BUFFERS: usize = 4;

/// Sends `bytes` without pause, and returns the rate at which they are opened, in 10^6 bytes per second. They come from the file
/// `source`, if there is one, and go to a file in the same folder.
pub(crate) fn megabytes_per_second(
    segment: u16,
    bytes: u64,
    source: Option<&Path>,
) -> anyhow::Result<f64> {
    let segment = SegmentBytes::try_from(segment)?;
    let target = source.and_then(Path::parent).map(tempfile::tempfile_in);
    let (source, target) = (source.map(File::open).transpose()?, target.transpose()?);
    let (key, stream) = (
        Key::generate()?,
        StreamId {
            transfer: TransferId::generate()?,
            lane: 1,
        },
    );
    let (tell, port) = mpsc::channel();
    let opener = SegmentOpener::new(stream, &key);
    let receiving = thread::spawn(move || receive(segment, opener, target, &tell));
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port.recv().context("no receiver")?));
    send(segment, SegmentSealer::new(stream, &key), source, to, bytes)?;
    match receiving.join() {
        Ok(rate) => rate,
        Err(_) => anyhow::bail!("the receiver panicked"),
    }
}

fn send(
    segment: SegmentBytes,
    mut sealer: SegmentSealer,
    mut source: Option<File>,
    to: SocketAddr,
    bytes: u64,
) -> anyhow::Result<()> {
    let endpoint = endpoint()?;
    let datagram_bytes = segment.datagram_bytes();
    let batch = endpoint.max_batch(datagram_bytes);
    let segment_bytes = usize::from(segment.value());
    let mut datagrams = vec![7; batch * datagram_bytes];
    let mut plaintext = vec![7; batch * segment_bytes];
    let segments = bytes.div_ceil(segment.value().into());
    for first in (0..segments).step_by(batch) {
        if let Some(source) = &mut source {
            read(source, &mut plaintext)?;
            let payloads = plaintext.chunks(segment_bytes);
            for (payload, datagram) in payloads.zip(datagrams.chunks_mut(datagram_bytes)) {
                datagram[HEADER_BYTES..][..segment_bytes].copy_from_slice(payload);
            }
        }
        for (seq, datagram) in (first..segments).zip(datagrams.chunks_mut(datagram_bytes)) {
            sealer.seal(seq, 0, datagram)?;
        }
        let send = || endpoint.try_send(to, None, &datagrams, datagram_bytes);
        while send().datagrams == 0 {
            endpoint.wait_writable(SILENCE)?;
        }
    }
    Ok(())
}

fn receive(
    segment: SegmentBytes,
    mut opener: SegmentOpener,
    mut target: Option<File>,
    port: &mpsc::Sender<u16>,
) -> anyhow::Result<f64> {
    let endpoint = endpoint()?;
    port.send(endpoint.local_addr()?.port())?;
    let mut buffers = endpoint.receive_buffers(segment.datagram_bytes(), BUFFERS);
    while !endpoint.wait_readable(SILENCE)? {}
    let begun = Instant::now();
    let (mut opened, mut last) = (0, begun);
    while endpoint.wait_readable(SILENCE)? {
        while endpoint.try_receive(&mut buffers)? {
            let segments = buffers
                .datagrams()
                .filter_map(|datagram| opener.open(datagram.contents).ok());
            let payloads: Vec<_> = segments
                .map(|segment| IoSlice::new(segment.payload))
                .collect();
            let bytes: usize = payloads.iter().map(|payload| payload.len()).sum();
            opened += bytes;
            if let Some(target) = &mut target {
                let written = target.write_vectored(&payloads)?;
                anyhow::ensure!(written == bytes, "memory is full");
            }
            last = Instant::now();
        }
    }
    Ok(opened as f64 / last.duration_since(begun).as_secs_f64() / 1e6)
}

/// Fills `plaintext`. At the end of the file it starts again from the beginning.
fn read(source: &mut File, plaintext: &mut [u8]) -> io::Result<()> {
    if let Err(error) = source.read_exact(plaintext) {
        if error.kind() != io::ErrorKind::UnexpectedEof {
            return Err(error);
        }
        source.rewind()?;
    }
    Ok(())
}

fn endpoint() -> io::Result<UdpEndpoint> {
    UdpEndpoint::bind(
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        UdpOptions::default(),
    )
}
