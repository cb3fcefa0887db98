//! The project's programs, started as anybody would start them.

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

/// How long a program may take to say what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program of this name beside this one; `programs` is another folder to look in.
pub(crate) fn find(programs: Option<&Path>, name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("where is this program?")?;
    let folder = match programs {
        Some(folder) => folder,
        None => own.parent().unwrap_or(Path::new(".")),
    };
    let path = folder.join(name);
    if !path.is_file() {
        bail!(
            "{} is not there: build it with `cargo build --release -p {name}`",
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

/// A running server, killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    _stdin: Option<ChildStdin>,
    /// The port it listens on.
    pub(crate) port: u16,
}

impl Server {
    /// Starts the server; it listens on `address` when this returns.
    pub(crate) async fn start(program: &Path, address: &str) -> anyhow::Result<Self> {
        let mut command = prepared(Command::new(program));
        command.args([address, "0"]);
        let mut child = command.spawn().context("the server can't be started")?;
        let mut errors = lines(child.stderr.take())?;
        let stdout = child.stdout.take();
        let listening = format!("address={address}:");
        let port = loop {
            let line = timeout(PATIENCE, errors.next_line()).await??;
            let line = line.context("the server has ended")?;
            if let Some((_, port)) = line.rsplit_once(&listening) {
                break port.trim().parse()?;
            }
        };
        // What it says of members coming and going is read, so that it is never held up, and thrown away.
        tokio::spawn(async move { while let Ok(Some(_)) = errors.next_line().await {} });
        let mut said = lines(stdout)?;
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        Ok(Self {
            _stdin: child.stdin.take(),
            child,
            port,
        })
    }

    /// The memory of the process that is in main memory now, and the most that ever was, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<(u64, u64)> {
        let pid = self.child.id().context("the server has ended")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kib.map(|kib| kib * 1024)
                .with_context(|| format!("/proc does not say {name} of the server"))
        };
        Ok((field("VmRSS:")?, field("VmHWM:")?))
    }

    /// Processor time it has used, in seconds.
    pub(crate) fn processor_seconds(&self) -> anyhow::Result<f64> {
        let pid = self.child.id().context("the server has ended")?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, fields) = stat.rsplit_once(')').context("not a stat file")?;
        let ticks =
            |place: usize| -> Option<f64> { fields.split_whitespace().nth(place)?.parse().ok() };
        let (user, system) = (ticks(11), ticks(12));
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        Ok((user.unwrap_or_default() + system.unwrap_or_default()) / per_second)
    }
}

/// A running client, killed when dropped.
#[derive(Debug)]
pub(crate) struct Client {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Client {
    /// Starts `command`, which runs the client with `--output json`; it is in the room when this returns.
    pub(crate) async fn start(command: Command) -> anyhow::Result<Self> {
        let mut child = prepared(command)
            .stderr(Stdio::null())
            .spawn()
            .context("a client can't be started")?;
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

    /// Waits until so many have joined after it.
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
                    Event::Error { message } => bail!("a client reports: {message}"),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, wait)
            .await
            .context("a client does not report what was waited for")?
    }

    /// What it is spoken to through, and what it says, for two tasks.
    pub(crate) fn split(self) -> (Child, ChildStdin, Lines<BufReader<ChildStdout>>) {
        (self.child, self.stdin, self.stdout)
    }
}

fn lines<R: tokio::io::AsyncRead + Unpin>(
    output: Option<R>,
) -> anyhow::Result<Lines<BufReader<R>>> {
    Ok(BufReader::new(output.context("no output")?).lines())
}
