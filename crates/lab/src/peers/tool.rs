//! The programs: how each is called, and what its output says.

use serde::Deserialize;

/// Where `iperf3` listens; its TCP is shaped too.
pub(crate) const IPERF3_PORT: u16 = 5_201;
const ATFTP_PORT: u16 = 6_969;
const QUIC_PORT: u16 = 4_433;
/// Where the image has the certificate for quinn.
const QUIC_CERTIFICATE: &str = "/usr/local/share/backroom/quic";
/// Nobody, whom atftpd wants to become.
const NOBODY: &str = "65534:65534";
/// A run is ended after so many seconds.
pub(crate) const MOST_SECONDS: u32 = 90;

/// A program with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// The real client.
    Backroom(Ours),
    /// `uftp`, NAK-based multicast; to one receiver by unicast.
    Uftp {
        /// With AES-256-GCM.
        encrypted: bool,
    },
    /// `atftp`: TFTP with a window (RFC 7440), which goes back N.
    Atftp,
    /// `iperf3` with TCP cubic.
    Iperf3,
    /// Our small program with `quinn`.
    Quinn,
}

/// Our settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ours {
    pub(crate) delivery: &'static str,
    pub(crate) window: &'static str,
    pub(crate) segment_bytes: u16,
    pub(crate) copies: u8,
}

/// A command in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// `None`: the image's own user.
    pub(crate) user: Option<&'static str>,
    /// Whether it takes NET_ADMIN.
    pub(crate) privileged: bool,
    pub(crate) words: Vec<String>,
}

/// Whom a command is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    /// The sender's file.
    pub(crate) path: &'a str,
    pub(crate) bytes: u64,
    /// Where the receivers keep what they receive.
    pub(crate) folder: &'a str,
    /// The sender's address.
    pub(crate) sender: &'a str,
    /// The first receiver's address.
    pub(crate) receiver: &'a str,
    pub(crate) receivers: u16,
    /// For atftp.
    pub(crate) window: u32,
    /// When atftp is ended.
    pub(crate) atftp_limit_seconds: u32,
}

/// At whose side a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Sender,
    Receiver,
}

/// What an output did not say.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(String);

impl Command {
    fn new(text: &str) -> Self {
        Self {
            user: None,
            privileged: false,
            words: text.split(' ').map(str::to_owned).collect(),
        }
    }

    /// As one types it.
    pub(crate) fn line(&self) -> String {
        self.words.join(" ")
    }
}

/// What waits at receiver `number`, which counts from 1, all the time. `folder` takes what is received.
pub(crate) fn receiver_daemons(number: u16, folder: &str) -> Vec<Command> {
    let uftpd = format!("uftpd -d -D {folder} -U {} -B 4194304 -x 0", uid(number));
    let mut daemons = vec![Command::new(&uftpd)];
    if number == 1 {
        daemons.push(iperf3("-s"));
        let quic = format!("backroom-quic receive {QUIC_PORT} --certificate {QUIC_CERTIFICATE}");
        daemons.push(Command::new(&quic));
    }
    daemons
}

/// What waits at the sender all the time: `atftpd` sends what it is asked for.
pub(crate) fn sender_daemons(folder: &str) -> Vec<Command> {
    let atftpd = format!(
        "/usr/sbin/atftpd --daemon --no-fork --port {ATFTP_PORT} --retry-timeout 1 --no-multicast --logfile - {folder}"
    );
    vec![Command {
        user: Some(NOBODY),
        ..Command::new(&atftpd)
    }]
}

impl Tool {
    /// What is run for a transfer, and where. `None` for ours, which is told on its own input.
    pub(crate) fn command(&self, task: &Task<'_>) -> Option<(Side, Command)> {
        Some(match self {
            Self::Backroom(_) => return None,
            Self::Uftp { encrypted } => (Side::Sender, uftp(task, *encrypted)),
            Self::Atftp => (Side::Receiver, atftp(task)),
            Self::Iperf3 => (
                Side::Sender,
                iperf3(&format!(
                    "-c {} -n {} -C cubic --json",
                    task.receiver, task.bytes
                )),
            ),
            Self::Quinn => (
                Side::Sender,
                Command::new(&format!(
                    "timeout {MOST_SECONDS} backroom-quic send {}:{QUIC_PORT} {} --certificate {QUIC_CERTIFICATE} --gso off",
                    task.receiver, task.bytes
                )),
            ),
        })
    }

    /// The options that matter, for the column `options`.
    pub(crate) fn options(&self, window: u32) -> String {
        match self {
            Self::Backroom(ours) => {
                let copies = match ours.copies {
                    1 => String::new(),
                    more => format!(", {more} copies"),
                };
                format!(
                    "delivery {}, window {}, segment {}, recovery fast{copies}",
                    ours.delivery, ours.window, ours.segment_bytes
                )
            }
            Self::Uftp { encrypted: true } => "rate -1, block 1400, aes256-gcm".to_owned(),
            Self::Uftp { encrypted: false } => "rate -1, block 1400, plain".to_owned(),
            Self::Atftp => format!("window {window}, block 1428, timeouts 1 s"),
            Self::Iperf3 => "cubic".to_owned(),
            Self::Quinn => "cubic, GSO off".to_owned(),
        }
    }

    /// Whether the receivers are left with a file.
    pub(crate) fn leaves_a_file(&self) -> bool {
        !matches!(self, Self::Iperf3 | Self::Quinn)
    }

    /// The seconds of a transfer, as the tool's own output has them.
    ///
    /// # Errors
    /// [`Unreadable`] says what is missing; then the transfer did not succeed.
    pub(crate) fn seconds(
        &self,
        stdout: &str,
        stderr: &str,
        task: &Task<'_>,
    ) -> Result<f64, Unreadable> {
        match self {
            Self::Backroom(_) => Err(Unreadable("ours says it elsewhere".to_owned())),
            Self::Uftp { .. } => uftp_seconds(stderr, task.receivers),
            Self::Atftp => after(stderr, "seconds "),
            Self::Iperf3 => iperf3_seconds(stdout, task.bytes),
            Self::Quinn => quinn_seconds(stdout, task.bytes),
        }
    }
}

/// As fast as it goes, in blocks that fill a packet, with the least timers. Clients are named, so that it begins as soon as
/// all have registered.
fn uftp(task: &Task<'_>, encrypted: bool) -> Command {
    let cipher = if encrypted {
        " -Y aes256-gcm -h sha256"
    } else {
        ""
    };
    let to = if task.receivers == 1 {
        format!(" -M {}", task.receiver)
    } else {
        String::new()
    };
    let clients: Vec<_> = (1..=task.receivers).map(uid).collect();
    Command::new(&format!(
        "timeout {MOST_SECONDS} uftp -R -1{cipher}{to} -B 4194304 -b 1400 -r 0.02:0.001:1 -H {} -S @LOG {}",
        clients.join(","),
        task.path
    ))
}

/// Where cubic is not what the system begins with, it takes a privilege to choose it, on both sides.
fn iperf3(options: &str) -> Command {
    let limit = if options == "-s" {
        String::new()
    } else {
        format!("timeout {MOST_SECONDS} ")
    };
    Command {
        privileged: true,
        ..Command::new(&format!("{limit}iperf3 -p {IPERF3_PORT} {options}"))
    }
}

/// The receiver asks, and times it, since atftp does not say how long it took.
fn atftp(task: &Task<'_>) -> Command {
    let name = task.path.rsplit('/').next().unwrap_or_default();
    let script = format!(
        "TIMEFORMAT='seconds %R'; time timeout {} atftp --tftp-timeout 1 --option 'blksize 1428' \
         --option 'windowsize {}' --get -r {name} -l {}/{name} {} {ATFTP_PORT}",
        task.atftp_limit_seconds, task.window, task.folder, task.sender
    );
    Command {
        user: None,
        privileged: false,
        words: ["bash", "-c", &script].map(str::to_owned).into(),
    }
}

/// What uftp knows a receiver by.
fn uid(number: u16) -> String {
    format!("0x{number:08x}")
}

/// `Total elapsed time` is that of the file, without the announcement before and the farewell after. Every client has to
/// have got a copy.
fn uftp_seconds(output: &str, receivers: u16) -> Result<f64, Unreadable> {
    let copies = output
        .lines()
        .filter(|line| line.starts_with("RESULT;") && line.contains(";copy;"))
        .count();
    if copies != usize::from(receivers) {
        return Err(Unreadable(format!(
            "uftp: {copies} of {receivers} receivers have the file"
        )));
    }
    after(output, "Total elapsed time: ")
}

/// The number that follows `words`.
fn after(output: &str, words: &str) -> Result<f64, Unreadable> {
    output
        .lines()
        .filter_map(|line| line.split_once(words))
        .find_map(|(_, rest)| rest.split(' ').next()?.trim().parse().ok())
        .ok_or_else(|| Unreadable(format!("its output has no line with {words:?}")))
}

/// What of `--json` counts: how much the receiver got, in what time.
#[derive(Deserialize)]
struct Iperf3Output {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    end: Iperf3End,
}

#[derive(Default, Deserialize)]
struct Iperf3End {
    #[serde(default)]
    sum_received: Option<Iperf3Sum>,
    #[serde(default)]
    sender_tcp_congestion: Option<String>,
}

#[derive(Deserialize)]
struct Iperf3Sum {
    bytes: u64,
    seconds: f64,
}

/// It sends whole blocks, so a little more than it was asked to; the time is brought down to `bytes`.
fn iperf3_seconds(output: &str, bytes: u64) -> Result<f64, Unreadable> {
    let output: Iperf3Output =
        serde_json::from_str(output).map_err(|error| Unreadable(format!("iperf3: {error}")))?;
    if let Some(error) = output.error {
        return Err(Unreadable(format!("iperf3: {error}")));
    }
    let control = output.end.sender_tcp_congestion.unwrap_or_default();
    if control != "cubic" {
        return Err(Unreadable(format!(
            "iperf3: congestion control {control:?}"
        )));
    }
    let received = output
        .end
        .sum_received
        .filter(|sum| sum.bytes > 0 && sum.seconds > 0.0)
        .ok_or_else(|| Unreadable("iperf3: nothing was received".to_owned()))?;
    Ok(received.seconds * bytes as f64 / received.bytes as f64)
}

#[derive(Deserialize)]
struct QuinnOutput {
    bytes: u64,
    seconds: f64,
}

fn quinn_seconds(output: &str, bytes: u64) -> Result<f64, Unreadable> {
    let output: QuinnOutput =
        serde_json::from_str(output).map_err(|error| Unreadable(format!("quinn: {error}")))?;
    if output.bytes != bytes {
        return Err(Unreadable(format!("quinn: {} bytes", output.bytes)));
    }
    Ok(output.seconds)
}

#[cfg(test)]
mod tests;
