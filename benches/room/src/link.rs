//! A rate-limited link between one member and all others, in separate network namespaces.
//!
//! ```text
//! sender -- tbf, RATE --> veth --> the room: server and receivers
//! ```
//!
//! All packets from the sender, of chat and of files, pass through one queue.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command as StdCommand, Stdio};

use anyhow::{Context, bail};
use backroom_link::Rate;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The room's address on the link.
pub(crate) const ROOM: &str = "10.77.0.1";
const SENDER: &str = "10.77.0.2";
/// The size of the queue in front of the link, as the time that it takes to send: typical of a router.
const QUEUE: &str = "50ms";
/// Set in the process that runs in its own namespaces.
const INSIDE: &str = "BACKROOM_ROOM_BENCH_INSIDE";

/// Re-executes this program in its own namespaces, where it can create links without being root. Returns in that process.
pub(crate) fn enter_namespace() -> anyhow::Result<()> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(());
    }
    let program = std::env::current_exe()?;
    let error = StdCommand::new("unshare")
        .args(["--map-root-user", "--net"])
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    Err(error).context("cannot run `unshare` (util-linux), which creates the network namespace")
}

/// A link, which is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    /// The process that keeps the sender's network namespace alive.
    holder: Child,
}

impl Link {
    /// Creates a link with this rate.
    pub(crate) async fn open(rate: Rate) -> anyhow::Result<Self> {
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = holder.stdout.take().context("no output")?;
        BufReader::new(output).lines().next_line().await?;
        let link = Self { holder };
        let pid = link.pid()?;
        run("ip link set lo up").await?;
        run(&format!(
            "ip link add room type veth peer name uplink netns {pid}"
        ))
        .await?;
        run(&format!("ip address add {ROOM}/24 dev room")).await?;
        run("ip link set room up").await?;
        let inside = format!("nsenter --net=/proc/{pid}/ns/net");
        run(&format!("{inside} ip address add {SENDER}/24 dev uplink")).await?;
        run(&format!("{inside} ip link set uplink up")).await?;
        run(&format!(
            "{inside} tc qdisc add dev uplink root tbf rate {rate} burst 16kb latency {QUEUE}"
        ))
        .await?;
        Ok(link)
    }

    /// Returns a command that runs `program` at the sender's end.
    pub(crate) fn at_sender(&self, program: &Path) -> anyhow::Result<Command> {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.pid()?))
            .arg(program);
        Ok(command)
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.holder
            .id()
            .context("the sender's network namespace has ended")
    }
}

async fn run(line: &str) -> anyhow::Result<()> {
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    let output = Command::new(program)
        .args(words)
        .output()
        .await
        .with_context(|| format!("cannot run `{program}` (iproute2, util-linux)"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed: {}", message.trim());
    }
    Ok(())
}
