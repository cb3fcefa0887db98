//! A link of a certain rate between one member and all the others, in network namespaces of this process's own.
//!
//! ```text
//! sender -- tbf, RATE --> veth --> the room: server and receivers
//! ```
//!
//! Everything that the sender says goes through one queue, chat and files alike.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command as StdCommand, Stdio};

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The room's address on the link.
pub(crate) const ROOM: &str = "10.77.0.1";
const SENDER: &str = "10.77.0.2";
/// What the queue in front of the link holds, as the time it takes to send: that of an ordinary router.
const QUEUE: &str = "50ms";
/// Set in a process that has namespaces of its own.
const INSIDE: &str = "BACKROOM_ROOM_BENCH_INSIDE";

/// Starts this program again in namespaces of its own, where it may make links without being root. Returns when it is there.
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
    Err(error).context("can't run `unshare` (util-linux), which makes a network to measure on")
}

/// The link, and the sender's end of it. It is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    /// Holds the sender's network namespace.
    holder: Child,
}

impl Link {
    /// A link of `rate`, as `tc` writes it.
    pub(crate) async fn open(rate: &str) -> anyhow::Result<Self> {
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

    /// `program`, started at the sender's end.
    pub(crate) fn at_sender(&self, program: &Path) -> anyhow::Result<Command> {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.pid()?))
            .arg(program);
        Ok(command)
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.holder.id().context("the sender's network is gone")
    }
}

async fn run(line: &str) -> anyhow::Result<()> {
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    let output = Command::new(program)
        .args(words)
        .output()
        .await
        .with_context(|| format!("can't run `{program}` (iproute2, util-linux)"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed: {}", said.trim());
    }
    Ok(())
}
