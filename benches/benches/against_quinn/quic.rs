//! `quinn` from memory to memory: GSO on (its default), windows and socket buffers of 4 MiB each. Packets have 1,452 bytes, the
//! default upper bound of its MTU discovery, or the requested size, from the first packet on.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use quinn::congestion::{BbrConfig, CubicConfig};
use quinn::{
    ClientConfig, Endpoint, EndpointConfig, MtuDiscoveryConfig, ServerConfig, TokioRuntime,
    TransportConfig, VarInt,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The window of both sides, as large as a socket buffer.
const WINDOW_BYTES: u32 = 4 << 20;

/// Bytes written in one call.
const PIECE_BYTES: usize = 1 << 20;

/// Command line options for quinn.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Setup {
    /// Congestion control of quinn
    #[arg(long, value_enum, default_value_t = Congestion::Cubic)]
    quinn_congestion: Congestion,

    /// Largest packet of quinn, in bytes
    #[arg(long, default_value_t = 1_452)]
    quinn_mtu: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Congestion {
    Cubic,
    Bbr,
}

impl Setup {
    /// The options as arguments of this program.
    fn arguments(self) -> [String; 4] {
        let congestion = match self.quinn_congestion {
            Congestion::Cubic => "cubic",
            Congestion::Bbr => "bbr",
        };
        [
            "--quinn-congestion".into(),
            congestion.into(),
            "--quinn-mtu".into(),
            self.quinn_mtu.to_string(),
        ]
    }
}

/// Transfers `bytes`. Returns the seconds from opening the stream to the confirmation that everything was read.
pub(crate) fn transfer(setup: Setup, bytes: u64) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let certificate = folder.path().join("certificate");
    let this = std::env::current_exe()?;
    let mut server = Command::new(&this)
        .args(setup.arguments())
        .arg("quic-server")
        .arg(&certificate)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(server.stdout.take().context("no output")?).read_line(&mut line)?;
    let client = Command::new(&this)
        .args(setup.arguments())
        .arg("quic-client")
        .arg(&certificate)
        .args([line.trim(), &bytes.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    server.kill()?;
    server.wait()?;
    Ok(String::from_utf8(client.stdout)?.trim().parse()?)
}

/// The receiving process. Writes its certificate to a file and its port to standard output, and serves one connection.
#[tokio::main(worker_threads = 2)]
pub(crate) async fn serve(setup: Setup, certificate: &Path) -> anyhow::Result<()> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    fs::write(certificate, made.cert.der())?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut config = ServerConfig::with_single_cert(vec![made.cert.into()], key)?;
    config.transport_config(transport(setup));
    let endpoint = endpoint(setup, Some(config))?;
    println!("{}", endpoint.local_addr()?.port());
    let connection = endpoint.accept().await.context("no connection")?.await?;
    let (mut answer, mut stream) = connection.accept_bi().await?;
    let mut bytes = 0;
    // Unordered reads are the fastest.
    while let Some(chunk) = stream.read_chunk(usize::MAX, false).await? {
        bytes += chunk.bytes.len() as u64;
    }
    answer.write_all(&bytes.to_be_bytes()).await?;
    answer.finish()?;
    connection.closed().await;
    Ok(())
}

/// The sending process. Writes the seconds that it took to standard output.
#[tokio::main(worker_threads = 2)]
pub(crate) async fn send(
    setup: Setup,
    certificate: &Path,
    port: u16,
    bytes: u64,
) -> anyhow::Result<()> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(fs::read(certificate)?))?;
    let mut config = ClientConfig::with_root_certificates(Arc::new(roots))?;
    config.transport_config(transport(setup));
    let mut endpoint = endpoint(setup, None)?;
    endpoint.set_default_client_config(config);
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let connection = endpoint.connect(to, "localhost")?.await?;
    let piece = Bytes::from(vec![7; PIECE_BYTES]);
    let begun = Instant::now();
    let (mut stream, mut answer) = connection.open_bi().await?;
    let mut left = bytes;
    while left > 0 {
        let count = left.min(PIECE_BYTES as u64);
        stream.write_chunk(piece.slice(..count as usize)).await?;
        left -= count;
    }
    stream.finish()?;
    let read = answer.read_to_end(8).await?;
    anyhow::ensure!(read == bytes.to_be_bytes(), "quinn lost something");
    println!("{}", begun.elapsed().as_secs_f64());
    Ok(())
}

fn transport(setup: Setup) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .stream_receive_window(VarInt::from_u32(WINDOW_BYTES))
        .send_window(WINDOW_BYTES.into())
        .initial_mtu(setup.quinn_mtu);
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(setup.quinn_mtu);
    config.mtu_discovery_config(Some(mtu));
    match setup.quinn_congestion {
        Congestion::Cubic => config.congestion_controller_factory(Arc::new(CubicConfig::default())),
        Congestion::Bbr => config.congestion_controller_factory(Arc::new(BbrConfig::default())),
    };
    Arc::new(config)
}

fn endpoint(setup: Setup, config: Option<ServerConfig>) -> anyhow::Result<Endpoint> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let buffers = socket2::SockRef::from(&socket);
    buffers.set_send_buffer_size(WINDOW_BYTES as usize)?;
    buffers.set_recv_buffer_size(WINDOW_BYTES as usize)?;
    let mut endpoint = EndpointConfig::default();
    endpoint.max_udp_payload_size(setup.quinn_mtu.max(1_472))?;
    Ok(Endpoint::new(
        endpoint,
        config,
        socket,
        Arc::new(TokioRuntime),
    )?)
}
