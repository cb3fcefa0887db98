//! The programs: command lines and output formats.

use backroom_lab::docker::testbed::Command;
use serde::Deserialize;

/// Port of `iperf3`. Its TCP is shaped too.
pub(crate) const IPERF3_PORT: u16 = 5_201;
const ATFTP_PORT: u16 = 6_969;
const QUIC_PORT: u16 = 4_433;
/// Path of the certificate for quinn in the image.
const QUIC_CERTIFICATE: &str = "/usr/local/share/backroom/quic";
/// The user that atftpd switches to.
const NOBODY: &str = "65534:65534";
/// A run is ended after this many seconds.
pub(crate) const MAX_SECONDS: u32 = 90;

/// A program with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// `backroom-client`.
    Backroom(Ours),
    /// `uftp`, NAK-based multicast. Unicast to a single receiver.
    Uftp {
        /// With AES-256-GCM.
        encrypted: bool,
    },
    /// `atftp`: TFTP with a window (RFC 7440), which is Go-Back-N.
    Atftp,
    /// `iperf3` with TCP cubic.
    Iperf3,
    /// `backroom-quic`, a small program that uses `quinn`.
    Quinn,
}

/// Settings of our client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ours {
    pub(crate) delivery: &'static str,
    pub(crate) window: &'static str,
    pub(crate) segment_bytes: u16,
    pub(crate) copies: u8,
}

/// The transfer that a command is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    /// The sender's file.
    pub(crate) path: &'a str,
    pub(crate) bytes: u64,
    /// The folder for received files.
    pub(crate) folder: &'a str,
    /// The sender's address.
    pub(crate) sender: &'a str,
    /// The first receiver's address.
    pub(crate) receiver: &'a str,
    pub(crate) receivers: u16,
    /// The window of atftp.
    pub(crate) window: u32,
    /// atftp is ended after this time.
    pub(crate) atftp_limit_seconds: u32,
}

/// Where a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Sender,
    Receiver,
}

/// What is missing in an output.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(String);

/// A command without privileges. `text` is split at spaces.
pub(crate) fn command(text: &str) -> Command {
    Command {
        user: None,
        privileged: false,
        words: text.split(' ').map(str::to_owned).collect(),
    }
}

/// Commands that wait for transfers at receiver `number`, which counts from 1. `folder` is for received files.
pub(crate) fn receiver_daemons(number: u16, folder: &str) -> Vec<Command> {
    let uftpd = format!("uftpd -d -D {folder} -U {} -B 4194304 -x 0", uid(number));
    let mut daemons = vec![command(&uftpd)];
    if number == 1 {
        daemons.push(iperf3("-s"));
        let quic = format!("backroom-quic receive {QUIC_PORT} --certificate {QUIC_CERTIFICATE}");
        daemons.push(command(&quic));
    }
    daemons
}

/// Commands that wait for transfers at the sender. `atftpd` sends the files that are requested.
pub(crate) fn sender_daemons(folder: &str) -> Vec<Command> {
    let atftpd = format!(
        "/usr/sbin/atftpd --daemon --no-fork --port {ATFTP_PORT} --retry-timeout 1 --no-multicast --logfile - {folder}"
    );
    vec![Command {
        user: Some(NOBODY),
        ..command(&atftpd)
    }]
}

impl Tool {
    /// The command for a transfer, and where to run it. `None` for our client, which runs already.
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
                command(&format!(
                    "timeout {MAX_SECONDS} backroom-quic send {}:{QUIC_PORT} {} --certificate {QUIC_CERTIFICATE} --gso off",
                    task.receiver, task.bytes
                )),
            ),
        })
    }

    /// The relevant options, for the column `options`.
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

    /// Whether the receivers store a file.
    pub(crate) fn leaves_a_file(&self) -> bool {
        !matches!(self, Self::Iperf3 | Self::Quinn)
    }

    /// The duration of a transfer in seconds, from the tool's output.
    ///
    /// # Errors
    /// [`Unreadable`] if the transfer did not succeed.
    pub(crate) fn seconds(
        &self,
        stdout: &str,
        stderr: &str,
        task: &Task<'_>,
    ) -> Result<f64, Unreadable> {
        match self {
            Self::Backroom(_) => Err(Unreadable("our client reports it elsewhere".to_owned())),
            Self::Uftp { .. } => uftp_seconds(stderr, task.receivers),
            Self::Atftp => after(stderr, "seconds "),
            Self::Iperf3 => iperf3_seconds(stdout, task.bytes),
            Self::Quinn => quinn_seconds(stdout, task.bytes),
        }
    }
}

/// Unlimited rate, blocks that fill a packet, minimal timers. Listing the clients makes it start as soon as all have
/// registered.
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
    command(&format!(
        "timeout {MAX_SECONDS} uftp -R -1{cipher}{to} -B 4194304 -b 1400 -r 0.02:0.001:1 -H {} -S @LOG {}",
        clients.join(","),
        task.path
    ))
}

/// Both sides need a privilege to select cubic if it is not the default of the system.
fn iperf3(options: &str) -> Command {
    let limit = if options == "-s" {
        String::new()
    } else {
        format!("timeout {MAX_SECONDS} ")
    };
    Command {
        privileged: true,
        ..command(&format!("{limit}iperf3 -p {IPERF3_PORT} {options}"))
    }
}

/// The receiver requests the file. The shell measures the time because atftp does not report it.
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

/// A receiver's id for uftp.
fn uid(number: u16) -> String {
    format!("0x{number:08x}")
}

/// `Total elapsed time` excludes the announcement and the final messages. Every client must have a copy.
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
        .ok_or_else(|| Unreadable(format!("no line of its output has {words:?}")))
}

/// The relevant parts of `--json`.
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

/// iperf3 sends whole blocks, so slightly more than requested. The time is scaled to `bytes`.
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
