//! Sends bytes from memory to memory between two hosts over one `quinn` stream.
//!
//! ```text
//! backroom-quic certificate FOLDER                          # once; both hosts need the folder
//! backroom-quic receive 4433 --certificate FOLDER           # until it is killed
//! backroom-quic send 172.18.0.3:4433 10000000 --certificate FOLDER --gso off
//! ```
//!
//! `send` prints one line, such as `{"bytes":10000000,"seconds":1.25}`. The time runs from opening the stream until the
//! receiver confirms that it has read all bytes. It does not include the handshake.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use bytes::Bytes;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Parser, Subcommand};
use quinn::{
    ClientConfig, Connecting, Endpoint, EndpointConfig, ServerConfig, TokioRuntime,
    TransportConfig, VarInt,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The flow-control window of both sides. It is far above the bandwidth-delay product of the path.
const WINDOW_BYTES: u32 = 4 << 20;
/// Bytes per write.
const PIECE_BYTES: usize = 1 << 20;
/// The name in the certificate. It is not resolved.
const SERVER_NAME: &str = "peer";
const CERTIFICATE: &str = "certificate.der";
const KEY: &str = "key.der";

#[derive(Parser)]
#[command(about = "Send bytes from memory to memory with quinn, for comparison in the lab")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create a certificate and its key
    Certificate {
        /// Folder for both files
        folder: PathBuf,
    },
    /// Receive on this port until killed
    Receive {
        /// UDP port to listen on
        port: u16,
        /// Folder of the certificate and its key
        #[arg(long)]
        certificate: PathBuf,
    },
    /// Send, and print the time it took
    Send {
        /// Address and port of the receiver
        to: SocketAddr,
        /// Number of bytes to send
        bytes: u64,
        /// Folder of the certificate
        #[arg(long)]
        certificate: PathBuf,
        /// Pass several datagrams to the kernel in one call. Turn this off on a shaped network, which treats them as one packet
        #[arg(long, value_name = "on|off", default_value = "on", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
        gso: bool,
    },
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Certificate { folder } => make_certificate(&folder),
        Command::Receive { port, certificate } => receive(port, &certificate).await,
        Command::Send {
            to,
            bytes,
            certificate,
            gso,
        } => {
            let seconds = send(to, bytes, &certificate, gso).await?;
            println!(
                "{}",
                serde_json::json!({"bytes": bytes, "seconds": seconds})
            );
            Ok(())
        }
    }
}

fn make_certificate(folder: &Path) -> anyhow::Result<()> {
    let generated = rcgen::generate_simple_self_signed([SERVER_NAME.to_owned()])?;
    fs::create_dir_all(folder)?;
    fs::write(folder.join(CERTIFICATE), generated.cert.der())?;
    Ok(fs::write(
        folder.join(KEY),
        generated.signing_key.serialize_der(),
    )?)
}

fn certificate(folder: &Path) -> anyhow::Result<CertificateDer<'static>> {
    let bytes = fs::read(folder.join(CERTIFICATE)).context("cannot read the certificate")?;
    Ok(CertificateDer::from(bytes))
}

async fn receive(port: u16, folder: &Path) -> anyhow::Result<()> {
    let key = fs::read(folder.join(KEY)).context("cannot read the key")?;
    let key = PrivateKeyDer::Pkcs8(key.into());
    let mut config = ServerConfig::with_single_cert(vec![certificate(folder)?], key)?;
    config.transport_config(transport(true));
    let endpoint = endpoint(port, Some(config))?;
    println!("{}", serde_json::json!({"port": port}));
    while let Some(incoming) = endpoint.accept().await {
        if let Err(error) = read_all(incoming.accept()?).await {
            eprintln!("{error:#}");
        }
    }
    Ok(())
}

/// Reads a stream to its end and replies with the number of bytes.
async fn read_all(connecting: Connecting) -> anyhow::Result<()> {
    let connection = connecting.await?;
    let (mut answer, mut stream) = connection.accept_bi().await?;
    let mut bytes: u64 = 0;
    // Unordered reads are the fastest in quinn.
    while let Some(chunk) = stream.read_chunk(usize::MAX, false).await? {
        bytes += chunk.bytes.len() as u64;
    }
    answer.write_all(&bytes.to_be_bytes()).await?;
    answer.finish()?;
    connection.closed().await;
    Ok(())
}

/// Sends `bytes` and returns the time in seconds.
async fn send(to: SocketAddr, bytes: u64, folder: &Path, gso: bool) -> anyhow::Result<f64> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate(folder)?)?;
    let mut config = ClientConfig::with_root_certificates(Arc::new(roots))?;
    config.transport_config(transport(gso));
    let mut endpoint = endpoint(0, None)?;
    endpoint.set_default_client_config(config);
    let connection = endpoint.connect(to, SERVER_NAME)?.await?;
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
    let seconds = begun.elapsed().as_secs_f64();
    anyhow::ensure!(
        read == bytes.to_be_bytes(),
        "the receiver reported another number of bytes"
    );
    connection.close(VarInt::from_u32(0), b"");
    endpoint.wait_idle().await;
    Ok(seconds)
}

/// quinn's default congestion control (CUBIC), with windows that do not limit it.
fn transport(gso: bool) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .stream_receive_window(VarInt::from_u32(WINDOW_BYTES))
        .send_window(WINDOW_BYTES.into())
        .initial_mtu(1_452)
        .enable_segmentation_offload(gso);
    Arc::new(config)
}

fn endpoint(port: u16, config: Option<ServerConfig>) -> anyhow::Result<Endpoint> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    let buffers = socket2::SockRef::from(&socket);
    buffers.set_send_buffer_size(WINDOW_BYTES as usize)?;
    buffers.set_recv_buffer_size(WINDOW_BYTES as usize)?;
    Ok(Endpoint::new(
        EndpointConfig::default(),
        config,
        socket,
        Arc::new(TokioRuntime),
    )?)
}
