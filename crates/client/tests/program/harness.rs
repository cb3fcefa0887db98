//! A room and its members as processes. Every wait is for an event and has a time limit.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// The password of all rooms.
pub(crate) const PASSWORD: &str = "correct horse";

/// The time limit of a wait. It is long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits with a time limit.
pub(crate) async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, event).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("{what} did not come"),
    }
}

/// Says that a test is skipped, and why.
pub(crate) fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

pub(crate) fn server_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| built("backroom-server"))
}

/// The lab's program.
pub(crate) fn lab_program() -> PathBuf {
    built("backroom-lab")
}

/// Returns a program of another package and builds it if needed. Cargo builds only the programs of the tested package.
fn built(name: &str) -> PathBuf {
    let client = Path::new(env!("CARGO_BIN_EXE_backroom-client"));
    let program = client.with_file_name(name);
    if !program.exists() {
        let target = client
            .ancestors()
            .nth(2)
            .expect("a program lies in target/PROFILE");
        let mut cargo = std::process::Command::new(env!("CARGO"));
        // With both packages the libraries that they share have the same features as here, and are built once.
        cargo
            .args(["build", "-p", "backroom-client", "-p", name])
            .args(["--bin", name, "--target-dir"])
            .arg(target);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "{name} can't be built");
    }
    program
}

fn prepare(program: &Path) -> Command {
    prepare_within(&[], program)
}

/// Prepares a program that another one starts, such as `nsenter`.
pub(crate) fn prepare_within(prefix: &[String], program: &Path) -> Command {
    let mut words = prefix.iter().map(OsStr::new).chain([program.as_os_str()]);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
        .env("BACKROOM_PASSWORD", PASSWORD)
        .env_remove("RUST_LOG")
        // Not the state folder of the user who runs the tests.
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Returns a command that joins the room on this port of loopback and saves files in `downloads`.
pub(crate) fn client_of(port: u16, downloads: &Path) -> Command {
    let mut command = prepare(Path::new(env!("CARGO_BIN_EXE_backroom-client")));
    command
        .args(["127.0.0.1", &port.to_string(), "--download-dir"])
        .arg(downloads);
    command
}

/// A running server. Dropping it kills the process.
pub(crate) struct Room {
    child: Child,
    host: String,
    port: u16,
    _stdin: ChildStdin,
    _stderr: Lines<BufReader<ChildStderr>>,
}

impl Room {
    pub(crate) async fn open() -> Self {
        Self::open_at(0, &[]).await
    }

    /// Starts a server on this port of loopback; 0 selects a free one.
    pub(crate) async fn open_at(port: u16, options: &[&str]) -> Self {
        let mut command = prepare(server_program());
        command.args(["127.0.0.1", &port.to_string()]).args(options);
        Self::spawn(command, "127.0.0.1").await
    }

    /// Starts a server with this command, at this address.
    pub(crate) async fn open_with(mut command: Command, host: &str) -> Self {
        command.args([host, "0"]);
        Self::spawn(command, host).await
    }

    async fn spawn(mut command: Command, host: &str) -> Self {
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let port = loop {
            let line = soon("the server's port", stderr.next_line())
                .await
                .unwrap()
                .expect("the server ended");
            if let Some((_, port)) = line.rsplit_once(&format!("address={host}:")) {
                break port.trim().parse().unwrap();
            }
        };
        Self {
            host: host.to_owned(),
            port,
            _stdin: child.stdin.take().unwrap(),
            _stderr: stderr,
            child,
        }
    }

    /// The server's address and port, as the client takes them.
    pub(crate) fn address(&self) -> [String; 2] {
        [self.host.clone(), self.port.to_string()]
    }

    /// Returns a command that joins this room and saves files in `downloads`.
    pub(crate) fn client(&self, downloads: &Path) -> Command {
        client_of(self.port, downloads)
    }

    /// Starts a client with `--output json` and waits until it has joined.
    pub(crate) async fn join(&self, name: &str) -> Member {
        self.join_with(name, &[]).await
    }

    pub(crate) async fn join_with(&self, name: &str, options: &[&str]) -> Member {
        let mut member = self.start(&[&["--name", name], options].concat());
        member.event("joined").await;
        member
    }

    /// Starts a client with `--output json` within another program, such as a shell, and waits until it has joined. `within` is
    /// a command line to which the client's is appended. It finds the download folder in `$DOWNLOADS`.
    pub(crate) async fn join_within(
        &self,
        name: &str,
        within: &[&str],
        options: &[&str],
    ) -> Member {
        let downloads = tempfile::tempdir().unwrap();
        let mut command = prepare(Path::new(within[0]));
        command
            .env("DOWNLOADS", downloads.path())
            .args(&within[1..]);
        let client = self.client(downloads.path());
        command
            .arg(client.as_std().get_program())
            .args(client.as_std().get_args())
            .args(["--output", "json", "--name", name])
            .args(options);
        let mut member = Member::spawn(&mut command, downloads);
        member.event("joined").await;
        member
    }

    /// Starts a client with `--output json` without waiting.
    pub(crate) fn start(&self, options: &[&str]) -> Member {
        let downloads = tempfile::tempdir().unwrap();
        let mut command = self.client(downloads.path());
        Member::spawn(command.args(["--output", "json"]).args(options), downloads)
    }

    /// Starts a client with `--output json` and its own state folder, without waiting.
    pub(crate) fn start_in(&self, state: &Path, options: &[&str]) -> Member {
        let downloads = tempfile::tempdir().unwrap();
        let mut command = self.client(downloads.path());
        command.env("XDG_STATE_HOME", state);
        Member::spawn(command.args(["--output", "json"]).args(options), downloads)
    }
    /// Starts a client that may have only this number of open files.
    pub(crate) async fn join_with_few_open_files(&self, name: &str, files: u32) -> Member {
        let downloads = tempfile::tempdir().unwrap();
        let client = self.client(downloads.path());
        let mut command = prepare(Path::new("sh"));
        command
            .args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")])
            .arg(client.as_std().get_program())
            .args(client.as_std().get_args())
            .args(["--output", "json", "--name", name]);
        let mut member = Member::spawn(&mut command, downloads);
        member.event("joined").await;
        member
    }

    /// Starts members and waits until each knows all others.
    pub(crate) async fn join_all<const N: usize>(&self, names: [&str; N]) -> [Member; N] {
        let mut members = Vec::new();
        for name in names {
            members.push(self.join(name).await);
        }
        for (index, member) in members.iter_mut().enumerate() {
            for later in &names[index + 1..] {
                assert_eq!(member.event("member_joined").await["name"], *later);
            }
        }
        members.try_into().ok().unwrap()
    }

    /// Runs a client to its end, without any input.
    pub(crate) async fn run(&self, command: &mut Command) -> Output {
        soon(
            "the end of the program",
            command.stdin(Stdio::null()).output(),
        )
        .await
        .unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// A client process. Dropping it kills the process.
pub(crate) struct Member {
    child: Child,
    stdin: Option<ChildStdin>,
    events: Option<Lines<BufReader<ChildStdout>>>,
    /// The events that no wait has returned yet.
    passed: VecDeque<Value>,
    downloads: TempDir,
}

impl Member {
    pub(crate) fn spawn(command: &mut Command, downloads: TempDir) -> Self {
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        Self {
            stdin: child.stdin.take(),
            events: child
                .stdout
                .take()
                .map(|stdout| BufReader::new(stdout).lines()),
            passed: VecDeque::new(),
            child,
            downloads,
        }
    }

    /// Types a line.
    pub(crate) async fn type_line(&mut self, line: &str) {
        self.type_bytes(format!("{line}\n").as_bytes()).await;
    }

    /// Types bytes, which need not be UTF-8.
    pub(crate) async fn type_bytes(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("the input has been closed");
        stdin.write_all(bytes).await.unwrap();
    }

    /// Waits for the next event of this kind. Other events are kept.
    pub(crate) async fn event(&mut self, kind: &str) -> Value {
        if let Some(index) = self.passed.iter().position(|event| event["event"] == kind) {
            return self.passed.remove(index).unwrap();
        }
        loop {
            let event = self
                .next()
                .await
                .unwrap_or_else(|| panic!("the program ended without {kind}"));
            if event["event"] == kind {
                return event;
            }
            self.passed.push_back(event);
        }
    }

    /// The error that a line causes.
    pub(crate) async fn error_of(&mut self, line: &str) -> String {
        self.type_line(line).await;
        self.event("error").await["message"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Whether an event of this kind has been received and not been waited for.
    pub(crate) fn has_passed(&self, kind: &str) -> bool {
        self.passed.iter().any(|event| event["event"] == kind)
    }

    async fn next(&mut self) -> Option<Value> {
        let events = self.events.as_mut().expect("the output has been closed");
        let line = soon("an event", events.next_line()).await.unwrap()?;
        let event: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(
            line.starts_with("{\"event\":\""),
            "`event` is not first: {line}"
        );
        Some(event)
    }

    /// The rest of the output, and the exit status.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        while let Some(event) = self.next().await {
            self.passed.push_back(event);
        }
        soon("the end of the program", self.child.wait())
            .await
            .unwrap()
    }

    /// Ends the input.
    pub(crate) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Stops reading the output.
    pub(crate) fn close_output(&mut self) {
        self.events = None;
    }

    /// Waits for the exit status without reading the output.
    pub(crate) async fn exit_status(&mut self) -> ExitStatus {
        soon("the end of the program", self.child.wait())
            .await
            .unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("the program has ended");
        kill_process(Pid::from_raw(id.try_into().unwrap()).unwrap(), signal).unwrap();
    }

    /// Waits until no thread of the program runs any more, because each waits for something. One look could fall between two
    /// threads, so there are many.
    pub(crate) async fn is_asleep(&self) {
        let id = self.child.id().expect("the program has ended");
        let mut looks = 0;
        while looks < 1_000 {
            let is_asleep = fs::read_dir(format!("/proc/{id}/task"))
                .unwrap()
                .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok())
                // The state follows the name, which is in parentheses.
                .all(|stat| {
                    stat.rsplit(") ")
                        .next()
                        .is_some_and(|rest| rest.starts_with('S'))
                });
            looks = if is_asleep { looks + 1 } else { 0 };
            tokio::task::yield_now().await;
        }
    }

    /// Sets tiny segments and stop-and-wait, so that a file takes long enough to be interrupted.
    pub(crate) async fn send_slowly(&mut self) {
        for line in ["window|1", "segment|16"] {
            self.type_line(line).await;
            self.event("settings").await;
        }
    }

    pub(crate) fn downloads(&self) -> &Path {
        self.downloads.path()
    }

    /// The names of the files in the download folder.
    pub(crate) fn downloaded(&self) -> Vec<String> {
        let entries = fs::read_dir(self.downloads.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Files to send.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Creates a file of pseudo-random bytes. Returns its path, escaped for a command, and its contents.
    pub(crate) fn create(&self, name: &str, bytes: usize) -> (String, Vec<u8>) {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ bytes as u64;
        let contents: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .take(bytes)
        .collect();
        let path = self.0.path().join(name);
        fs::write(&path, &contents).unwrap();
        (path.to_str().unwrap().replace('|', "\\|"), contents)
    }
}
