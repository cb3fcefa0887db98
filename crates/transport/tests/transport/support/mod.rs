//! What the tests share: a bound on every wait, one transfer from end to end, and networks that misbehave.

mod fan_out;
mod tcp_relay;
mod udp_proxy;

use std::fs;
use std::future::Future;
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use backroom_gbn::SenderConfig;
use backroom_protocol::handshake::{Lifetime, ServerIdentity};
use backroom_protocol::segment::{SegmentBytes, StreamId};
use backroom_protocol::{
    FileAttributes, FileName, Identity, Key, ModifiedTime, Password, Permissions, StretchParams,
    StretchedPassword, TransferId,
};
use backroom_transport::connection::Login;
use backroom_transport::file::{
    Control, DownloadFolder, PartFile, ReceiveError, ReceiveLimits, ReceiveOptions, ReceiveOutcome,
    ReceiveRequest, SendFailure, SendOutcome, SendRequest, SenderMessage, SourceFile, receive_file,
    send_file,
};
use backroom_transport::udp::{UdpEndpoint, UdpOptions};
use tempfile::TempDir;
use tokio::sync::mpsc;

pub(crate) use fan_out::{FanOut, Reception};
pub(crate) use tcp_relay::TcpRelay;
pub(crate) use udp_proxy::{Faults, UdpProxy};

/// Any free port of loopback.
pub(crate) const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Whether this host has the IPv6 loopback address. If not, prints that the test is skipped.
pub(crate) fn has_ipv6() -> bool {
    let bound = std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0));
    if let Err(error) = &bound {
        let mut stderr = std::io::stderr();
        let _ = writeln!(
            stderr,
            "skipped: this host has no IPv6 loopback address: {error}"
        );
    }
    bound.is_ok()
}

/// No test waits longer than this for anything.
pub(crate) async fn within_a_minute<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("nothing came of it within a minute")
}

/// The tests' room password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The room's side of the password, stretched once for all tests.
pub(crate) fn stretched_password() -> StretchedPassword {
    static STRETCHED: OnceLock<StretchedPassword> = OnceLock::new();
    let stretch =
        || StretchedPassword::stretch(&password(PASSWORD), StretchParams::generate().unwrap());
    STRETCHED.get_or_init(stretch).clone()
}

/// The room's identity.
pub(crate) fn server_identity() -> Arc<ServerIdentity> {
    Arc::new(ServerIdentity {
        identity: Identity::from_seed(&[3; 32]),
        lifetime: Lifetime::Lasting,
    })
}

/// A member's side of the password, stretched once for all tests.
pub(crate) fn login() -> Login {
    static LOGIN: OnceLock<Login> = OnceLock::new();
    LOGIN.get_or_init(|| Login::new(password(PASSWORD))).clone()
}

pub(crate) fn password(text: &str) -> Password {
    Password::new(text.to_owned()).unwrap()
}

/// Bytes without a pattern that a shifted or repeated segment would fit into.
pub(crate) fn contents(bytes: usize) -> Vec<u8> {
    let mut random = SplitMix64(bytes as u64);
    let mut contents = Vec::with_capacity(bytes + 8);
    while contents.len() < bytes {
        contents.extend_from_slice(&random.next().to_le_bytes());
    }
    contents.truncate(bytes);
    contents
}

/// A small seeded generator (Steele, Lea and Flood, 2014).
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        ((self.next() >> 11) as f64 / (1_u64 << 53) as f64) < probability
    }
}

/// The payload of a segment of the default size.
pub(crate) const SEGMENT: usize = SegmentBytes::DEFAULT.value() as usize;

/// A file to send, a folder to receive it in, and everything both sides would have agreed on.
pub(crate) struct Transfer {
    pub(crate) folder: TempDir,
    pub(crate) source_path: PathBuf,
    pub(crate) stream: StreamId,
    pub(crate) stream_key: Key,
    pub(crate) ack_key: Key,
    pub(crate) segment_bytes: SegmentBytes,
    pub(crate) config: SenderConfig,
    pub(crate) options: ReceiveOptions,
    pub(crate) faults: Option<Faults>,
    pub(crate) with_hash: bool,
    pub(crate) sender: Endpoint,
    pub(crate) receiver: Endpoint,
    pub(crate) send_control: Control,
    pub(crate) receive_control: Control,
}

/// A socket, and its address once a transfer has taken it.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    endpoint: Mutex<Option<UdpEndpoint>>,
}

impl Endpoint {
    fn bind(address: SocketAddr, options: UdpOptions) -> Self {
        let endpoint = UdpEndpoint::bind(address, options).unwrap();
        Self {
            address: endpoint.local_addr().unwrap(),
            endpoint: Mutex::new(Some(endpoint)),
        }
    }

    /// The socket, once.
    pub(crate) fn take(&self) -> UdpEndpoint {
        self.endpoint.lock().unwrap().take().unwrap()
    }
}

/// How both sides of a transfer ended.
pub(crate) struct Ended {
    pub(crate) sent: Result<SendOutcome, SendFailure>,
    pub(crate) received: Result<ReceiveOutcome, ReceiveError>,
}

impl Transfer {
    pub(crate) fn of(contents: &[u8]) -> Self {
        Self::over(contents, LOOPBACK, UdpOptions::default())
    }

    pub(crate) fn over(contents: &[u8], address: SocketAddr, options: UdpOptions) -> Self {
        let folder = TempDir::new().unwrap();
        let source_path = folder.path().join("source");
        fs::write(&source_path, contents).unwrap();
        fs::create_dir(folder.path().join("downloads")).unwrap();
        Self {
            folder,
            source_path,
            stream: StreamId {
                transfer: TransferId::generate().unwrap(),
                lane: 1,
            },
            stream_key: Key::generate().unwrap(),
            ack_key: Key::generate().unwrap(),
            segment_bytes: SegmentBytes::DEFAULT,
            config: SenderConfig::default(),
            options: ReceiveOptions::default(),
            faults: None,
            with_hash: true,
            sender: Endpoint::bind(address, options),
            receiver: Endpoint::bind(address, options),
            send_control: Control::default(),
            receive_control: Control::default(),
        }
    }

    pub(crate) fn downloads(&self) -> PathBuf {
        self.folder.path().join("downloads")
    }

    pub(crate) fn send_request(&self, receiver: SocketAddr) -> SendRequest {
        self.send_request_of(SourceFile::open(&self.source_path).unwrap(), receiver)
    }

    /// As [`Transfer::send_request`], of a file that is open already. Opening one may take as long as the disk needs.
    pub(crate) fn send_request_of(&self, source: SourceFile, receiver: SocketAddr) -> SendRequest {
        SendRequest {
            source,
            stream: self.stream,
            stream_key: self.stream_key.clone(),
            segment_bytes: self.segment_bytes,
            receiver,
            is_proven: true,
            receiver_number: 0,
            ack_key: self.ack_key.clone(),
            first_segment: 0,
            with_hash: self.with_hash,
            free_segments: self.options.free_segments(self.segment_bytes),
            config: self.config,
        }
    }

    pub(crate) fn receive_request(&self) -> ReceiveRequest {
        let bytes = fs::metadata(&self.source_path).unwrap().len();
        let name = FileName::new("received.bin").unwrap();
        let folder = DownloadFolder::new(self.downloads(), ReceiveLimits::default());
        ReceiveRequest {
            part: PartFile::create(&folder, &name, bytes, attributes()).unwrap(),
            stream: self.stream,
            stream_key: self.stream_key.clone(),
            segment_bytes: self.segment_bytes,
            bytes,
            receiver_number: 0,
            ack_key: self.ack_key.clone(),
            sender: None,
            group: None,
            with_hash: self.with_hash,
            options: self.options,
        }
    }

    /// Runs both sides to their ends, the hash going from one to the other as the sealed path would carry it.
    pub(crate) async fn run(&self) -> Ended {
        self.run_telling(|hash| hash).await
    }

    /// As [`Transfer::run`], but the receiver gets the hash that `tell` returns.
    pub(crate) async fn run_telling(
        &self,
        tell: impl FnOnce(Option<[u8; 32]>) -> Option<[u8; 32]>,
    ) -> Ended {
        let (message_sender, messages) = mpsc::channel(1);
        let receive_request = self.receive_request();
        let mut target = self.receiver.address;
        let mut proxy = None;
        if let Some(faults) = &self.faults {
            let running = UdpProxy::start(target, faults.clone()).await;
            target = running.address();
            proxy = Some(running);
        }
        let send_request = self.send_request(target);
        let send = async {
            // Dropped at the end: a sender that has failed has left.
            let message_sender = message_sender;
            let sent = send_file(self.sender.take(), send_request, &self.send_control).await;
            if let Ok(outcome) = &sent {
                // A receiver that has given up no longer listens.
                let _ = message_sender
                    .send(SenderMessage::Finished(tell(outcome.hash)))
                    .await;
            }
            sent
        };
        let receive = receive_file(
            self.receiver.take(),
            receive_request,
            &self.receive_control,
            messages,
        );
        let (sent, received) = within_a_minute(async { tokio::join!(send, receive) }).await;
        drop(proxy);
        Ended { sent, received }
    }
}

/// The permissions and modification time of a file that is offered.
pub(crate) fn attributes() -> FileAttributes {
    FileAttributes {
        permissions: Permissions::of_mode(0o600),
        modified: ModifiedTime::nearest(1_000_000_000, 0),
    }
}

/// The names in a folder, sorted.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
