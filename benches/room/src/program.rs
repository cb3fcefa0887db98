//! Starts the server and the client as separate programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use backroom_vocabulary::event::Event;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

pub(crate) const PASSWORD: &str = "a room to be measured";

/// The time that a program has to print an expected line.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(60);

/// Finds a program in the folder `programs`, by default that of this program.
pub(crate) fn find(programs: Option<&Path>, name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot determine the path of this program")?;
    let folder = match programs {
        Some(folder) => folder,
        None => own.parent().unwrap_or(Path::new(".")),
    };
    let path = folder.join(name);
    if !path.is_file() {
        bail!(
            "{} does not exist; build it with `cargo build --release -p {name}`",
            path.display()
        );
    }
    Ok(path)
}

fn prepared(mut command: Command) -> Command {
    command
        .env("BACKROOM_PASSWORD", PASSWORD)
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A running server. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    _stdin: Option<ChildStdin>,
    /// The port on which it listens.
    pub(crate) port: u16,
}

impl Server {
    /// Starts the server and waits until it listens on `address`.
    pub(crate) async fn start(program: &Path, address: &str) -> anyhow::Result<Self> {
        let mut command = prepared(Command::new(program));
        command.args([address, "0", "--ephemeral"]);
        let mut child = command.spawn().context("cannot start the server")?;
        let mut errors = lines(child.stderr.take())?;
        let stdout = child.stdout.take();
        let listening = format!("address={address}:");
        let port = loop {
            let line = timeout(OUTPUT_TIMEOUT, errors.next_line()).await??;
            let line = line.context("the server has ended")?;
            if let Some((_, port)) = line.rsplit_once(&listening) {
                break port.trim().parse()?;
            }
        };
        // Its output is read and discarded, so that a full pipe never blocks it.
        tokio::spawn(async move { while let Ok(Some(_)) = errors.next_line().await {} });
        let mut output = lines(stdout)?;
        tokio::spawn(async move { while let Ok(Some(_)) = output.next_line().await {} });
        Ok(Self {
            _stdin: child.stdin.take(),
            child,
            port,
        })
    }

    /// The current and the peak resident memory of the process, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<(u64, u64)> {
        let pid = self.child.id().context("the server has ended")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kib.map(|kib| kib * 1024)
                .with_context(|| format!("/proc/{pid}/status has no field {name}"))
        };
        Ok((field("VmRSS:")?, field("VmHWM:")?))
    }

    /// The processor time used so far, in seconds.
    pub(crate) fn processor_seconds(&self) -> anyhow::Result<f64> {
        let pid = self.child.id().context("the server has ended")?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, fields) = stat
            .rsplit_once(')')
            .context("malformed /proc/[pid]/stat")?;
        let ticks =
            |place: usize| -> Option<f64> { fields.split_whitespace().nth(place)?.parse().ok() };
        let (user, system) = (ticks(11), ticks(12));
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        Ok((user.unwrap_or_default() + system.unwrap_or_default()) / per_second)
    }
}

/// A running client. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Client {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Client {
    /// Starts `command`, which runs the client with `--output json`, and waits until it has joined.
    pub(crate) async fn start(command: Command) -> anyhow::Result<Self> {
        let mut child = prepared(command)
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start a client")?;
        let mut client = Self {
            stdin: child.stdin.take().context("no standard input")?,
            stdout: lines(child.stdout.take())?,
            child,
        };
        client
            .wait_for(|event| matches!(event, Event::Joined { .. }))
            .await?;
        Ok(client)
    }

    /// Waits until `count` members have joined after this one.
    pub(crate) async fn wait_for_members(&mut self, count: u32) -> anyhow::Result<()> {
        for _ in 0..count {
            self.wait_for(|event| matches!(event, Event::MemberJoined { .. }))
                .await?;
        }
        Ok(())
    }

    /// Waits for an event that is `wanted`.
    async fn wait_for(&mut self, wanted: fn(&Event) -> bool) -> anyhow::Result<()> {
        let wait = async {
            loop {
                let line = self.stdout.next_line().await?;
                match serde_json::from_str(&line.context("a client has ended")?)? {
                    event if wanted(&event) => return Ok(()),
                    Event::Error { message } => bail!("a client reported: {message}"),
                    _ => {}
                }
            }
        };
        timeout(OUTPUT_TIMEOUT, wait)
            .await
            .context("timed out waiting for an event of a client")?
    }

    /// Splits the client into its process, its input and its output.
    pub(crate) fn split(self) -> (Child, ChildStdin, Lines<BufReader<ChildStdout>>) {
        (self.child, self.stdin, self.stdout)
    }
}

fn lines<R: tokio::io::AsyncRead + Unpin>(
    output: Option<R>,
) -> anyhow::Result<Lines<BufReader<R>>> {
    Ok(BufReader::new(output.context("no output")?).lines())
}
