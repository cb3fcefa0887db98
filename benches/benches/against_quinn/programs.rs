//! Runs the real server and two real clients from the target folder.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::Context as _;
use backroom_vocabulary::event::Event;
use tempfile::TempDir;

/// Bytes written in one call while the file is created.
const PIECE_BYTES: usize = 1 << 20;

/// A room with a sender and a receiver.
pub(crate) struct Pair {
    sender: Member,
    receiver: Member,
    downloads: PathBuf,
    source: PathBuf,
    _server: Process,
    _folder: TempDir,
}

/// What a transfer took besides time.
pub(crate) struct Spent {
    pub(crate) sender_seconds: f64,
    pub(crate) receiver_seconds: f64,
    pub(crate) retransmitted: u64,
    pub(crate) timeouts: u64,
}

impl Pair {
    /// Starts the three programs, and writes a file of `bytes` in `parent`.
    pub(crate) fn start(bytes: u64, parent: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(parent)
            .with_context(|| format!("no folder in {}", parent.display()))?;
        let source = folder.path().join("file");
        let downloads = folder.path().join("downloads");
        fs::create_dir(&downloads)?;
        write_file(&source, bytes)?;
        let (server, port) = start_server()?;
        let receiver = Member::join("bob", port, &downloads)?;
        let sender = Member::join("ada", port, folder.path())?;
        Ok(Self {
            sender,
            receiver,
            downloads,
            source,
            _server: server,
            _folder: folder,
        })
    }

    /// The file.
    pub(crate) fn source(&self) -> &Path {
        &self.source
    }

    /// Sends the file. Returns the seconds from the command to the confirmation, and what was spent.
    pub(crate) fn transfer(&mut self, segment: u16, window: &str) -> anyhow::Result<(f64, Spent)> {
        for setting in [format!("segment|{segment}"), format!("window|{window}")] {
            self.sender.say(&setting)?;
            self.sender.event(|event| match event {
                Event::Settings(_) => Some(()),
                _ => None,
            })?;
        }
        let before = (
            self.sender.processor_seconds()?,
            self.receiver.processor_seconds()?,
        );
        let begun = Instant::now();
        self.sender
            .say(&format!("funicast|bob|{}", self.source.display()))?;
        let sent = self.sender.event(|event| match event {
            Event::Sent(account) => Some(account),
            _ => None,
        })?;
        let seconds = begun.elapsed().as_secs_f64();
        let arrived = sent.receivers.iter().all(|receiver| receiver.ok);
        anyhow::ensure!(arrived, "not received: {sent:?}");
        let path = self.receiver.event(|event| match event {
            Event::Received { path, .. } => Some(path),
            _ => None,
        })?;
        let after = (
            self.sender.processor_seconds()?,
            self.receiver.processor_seconds()?,
        );
        fs::remove_file(self.downloads.join(path))?;
        let spent = Spent {
            sender_seconds: after.0 - before.0,
            receiver_seconds: after.1 - before.1,
            retransmitted: sent.segments_retransmitted,
            timeouts: sent.timeouts,
        };
        Ok((seconds, spent))
    }

    /// The peak memory of sender and receiver (`VmHWM`), in KiB.
    pub(crate) fn peak_memory_kib(&self) -> anyhow::Result<(u64, u64)> {
        Ok((
            self.sender.peak_memory_kib()?,
            self.receiver.peak_memory_kib()?,
        ))
    }
}

/// A child process that is killed when this is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Fails if the process has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A client with `--output json`.
struct Member {
    process: Process,
    events: Lines<BufReader<ChildStdout>>,
}

impl Member {
    fn join(name: &str, port: u16, downloads: &Path) -> anyhow::Result<Self> {
        let mut command = program("backroom-client")?;
        command
            .args(["127.0.0.1", &port.to_string(), "--name", name])
            .args(["--ephemeral", "--output", "json", "--download-dir"])
            .arg(downloads);
        let mut process = Process(command.stderr(Stdio::null()).spawn()?);
        let stdout = process.0.stdout.take().context("no output")?;
        let mut member = Self {
            process,
            events: BufReader::new(stdout).lines(),
        };
        member.event(|event| match event {
            Event::Joined { .. } => Some(()),
            _ => None,
        })?;
        Ok(member)
    }

    fn say(&mut self, line: &str) -> anyhow::Result<()> {
        let stdin = self.process.0.stdin.as_mut().context("no input")?;
        Ok(writeln!(stdin, "{line}")?)
    }

    /// What `wanted` takes from the first event that it recognises.
    fn event<T>(&mut self, wanted: fn(Event) -> Option<T>) -> anyhow::Result<T> {
        for line in self.events.by_ref() {
            let event: Event = serde_json::from_str(&line?)?;
            if let Event::Error { .. } | Event::Failed { .. } = event {
                anyhow::bail!("{event:?}");
            }
            if let Some(taken) = wanted(event) {
                return Ok(taken);
            }
        }
        anyhow::bail!("a client ended too early")
    }

    /// User and system time so far, all threads together.
    fn processor_seconds(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.0.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("an odd /proc/PID/stat")?;
        // utime and stime, the 14th and 15th field of all (proc_pid_stat(5)), in ticks of 10 ms.
        let ticks = fields.split_whitespace().skip(11).take(2);
        Ok(ticks
            .filter_map(|field| field.parse::<f64>().ok())
            .sum::<f64>()
            / 100.0)
    }

    fn peak_memory_kib(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line
            .and_then(|line| line.split_whitespace().next())
            .context("no VmHWM")?;
        Ok(kib.parse()?)
    }
}

fn start_server() -> anyhow::Result<(Process, u16)> {
    let mut command = program("backroom-server")?;
    command
        .args(["127.0.0.1", "0", "--ephemeral"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut process = Process(command.spawn()?);
    let stderr = process.0.stderr.take().context("no log")?;
    let mut lines = BufReader::new(stderr).lines();
    for line in lines.by_ref() {
        if let Some((_, port)) = line?.rsplit_once("address=127.0.0.1:") {
            // An unread pipe would fill up and block the server.
            thread::spawn(|| lines.for_each(drop));
            return Ok((process, port.trim().parse()?));
        }
    }
    anyhow::bail!("the server ended")
}

/// A program of this workspace: a bench is in `target/release/deps`, and the programs are one folder above.
fn program(name: &str) -> anyhow::Result<Command> {
    let bench = std::env::current_exe()?;
    let folder = bench
        .ancestors()
        .nth(2)
        .context("a bench lies in target/release/deps")?;
    let path = folder.join(name);
    anyhow::ensure!(
        path.exists(),
        "{} is missing; `just bench-loopback` builds it",
        path.display()
    );
    let mut command = Command::new(path);
    command
        .env("BACKROOM_PASSWORD", "a bench has no secrets")
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    Ok(command)
}

fn write_file(path: &Path, bytes: u64) -> anyhow::Result<()> {
    let mut file = fs::File::create(path)?;
    let piece: Vec<u8> = (0..PIECE_BYTES).map(|index| (index % 251) as u8).collect();
    let mut left = bytes;
    while left > 0 {
        let count = left.min(PIECE_BYTES as u64);
        file.write_all(&piece[..count as usize])?;
        left -= count;
    }
    Ok(())
}
