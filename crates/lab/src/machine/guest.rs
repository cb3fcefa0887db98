//! A virtual machine that runs a worker, as a process of this host.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::protocol::{Answer, Request, read_line};
use super::script;

/// Capacity of the queue of unread answers. A worker writes one for each request.
const MAX_WAITING_LINES: usize = 16;
/// How many of the last lines of stderr to keep for error messages, and how long each may be.
const KEPT_ERROR_LINES: usize = 5;
const MAX_ERROR_LINE_BYTES: usize = 1024;
/// How often to check whether the user has interrupted.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long the last lines of stderr may take after the end of stdout.
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(2);

/// A machine with a worker. Dropping it ends the machine.
pub(super) struct Guest {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<io::Result<String>>,
    errors: Arc<Mutex<VecDeque<String>>>,
    /// Ends when stderr does.
    reader_of_errors: thread::JoinHandle<()>,
    /// The thread that has spawned the script lives until this is dropped, because the script dies with it.
    _keeper: Sender<Infallible>,
}

/// Why a machine gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum GuestError {
    /// The user interrupted.
    #[error("interrupted")]
    Cancelled,
    /// The machine is not usable any more.
    #[error("{0}")]
    Broken(String),
}

impl Guest {
    /// Starts a machine with `command`, whose program is a worker.
    ///
    /// # Errors
    /// If no process or thread can be started.
    pub(super) fn start(command: Command) -> anyhow::Result<Self> {
        let (mut child, keeper) = spawn(command).context("cannot start a virtual machine")?;
        let input = child.stdin.take();
        let (sender, lines) = mpsc::sync_channel(MAX_WAITING_LINES);
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || {
                let mut output = BufReader::new(output);
                while let Some(line) = read_line(&mut output).transpose() {
                    let failed = line.is_err();
                    if sender.send(line).is_err() || failed {
                        return;
                    }
                }
            });
        }
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        let (kept, stderr) = (Arc::clone(&errors), child.stderr.take());
        let reader_of_errors = thread::spawn(move || {
            if let Some(stderr) = stderr {
                keep_last_lines(stderr, &kept);
            }
        });
        Ok(Self {
            child,
            input,
            lines,
            errors,
            reader_of_errors,
            _keeper: keeper,
        })
    }

    /// The answer to `request`.
    ///
    /// # Errors
    /// [`GuestError`] if there is none within `limit`, or if the worker reports an error.
    pub(super) fn ask(
        &mut self,
        request: &Request,
        limit: Duration,
        cancelled: &CancellationToken,
    ) -> Result<Answer, GuestError> {
        let deadline = Instant::now() + limit;
        self.send(request).map_err(|_| self.ended())?;
        loop {
            if cancelled.is_cancelled() {
                return Err(GuestError::Cancelled);
            }
            match self.lines.recv_timeout(POLL_INTERVAL) {
                Ok(Ok(line)) => return answer(&line),
                Ok(Err(error)) => {
                    let message = format!("cannot read an answer of the virtual machine: {error}");
                    return Err(GuestError::Broken(message));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(RecvTimeoutError::Timeout) => {
                    let message = format!("the virtual machine did not answer within {limit:?}");
                    return Err(GuestError::Broken(message));
                }
            }
        }
    }

    fn send(&mut self, request: &Request) -> io::Result<()> {
        let text = serde_json::to_string(request)? + "\n";
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(text.as_bytes())?;
        input.flush()
    }

    /// The machine has ended: its exit status and its last lines.
    fn ended(&mut self) -> GuestError {
        script::end(&mut self.child);
        let deadline = Instant::now() + LAST_LINES_TIMEOUT;
        while !self.reader_of_errors.is_finished() && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        let status = self
            .child
            .wait()
            .map_or_else(|error| error.to_string(), |status| status.to_string());
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = errors.iter().map(String::as_str).collect();
        let mut message = format!("the virtual machine has ended ({status})");
        if !lines.is_empty() {
            message += &format!(": {}", lines.join(" / "));
        }
        let unknown = ["unrecognized subcommand", "unexpected argument"];
        if unknown.iter().any(|words| message.contains(words)) {
            message += "; its image is older than this program: build it again with `just image`";
        }
        GuestError::Broken(message)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.input = None;
        script::end(&mut self.child);
    }
}

fn answer(line: &str) -> Result<Answer, GuestError> {
    match serde_json::from_str(line) {
        Ok(Answer::Error { message }) => Err(GuestError::Broken(message)),
        Ok(answer) => Ok(answer),
        Err(error) => Err(GuestError::Broken(format!(
            "the virtual machine's answer is not understood ({error}): build its image again with `just image`"
        ))),
    }
}

/// Starts `command` from a thread of its own, which ends when the returned sender is dropped.
fn spawn(mut command: Command) -> io::Result<(Child, Sender<Infallible>)> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let (keeper, kept) = mpsc::channel();
    let (sender, spawned) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        if sender.send(command.spawn()).is_ok() {
            let _ = kept.recv();
        }
    })?;
    let child = spawned.recv().map_err(io::Error::other)??;
    Ok((child, keeper))
}

/// Reads `stderr` to its end and keeps its last lines.
fn keep_last_lines(mut stderr: impl Read, kept: &Mutex<VecDeque<String>>) {
    let (mut chunk, mut line) = ([0; 4096], Vec::new());
    while let Ok(length @ 1..) = stderr.read(&mut chunk) {
        for &byte in &chunk[..length] {
            if byte != b'\n' {
                if line.len() < MAX_ERROR_LINE_BYTES {
                    line.push(byte);
                }
                continue;
            }
            let text = String::from_utf8_lossy(&line).trim().to_owned();
            line.clear();
            if !text.is_empty() {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_back(text);
                if kept.len() > KEPT_ERROR_LINES {
                    kept.pop_front();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn guest(script: &str) -> Guest {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        Guest::start(command).unwrap()
    }

    fn failure(script: &str, limit: Duration) -> String {
        let request = Request::Probe {
            image: "image".to_owned(),
        };
        let asked = guest(script).ask(&request, limit, &CancellationToken::new());
        asked.unwrap_err().to_string()
    }

    #[test]
    fn a_machine_that_ends_says_why() {
        let message = failure("read; echo one >&2; echo no memory >&2; exit 125", LIMIT);
        assert!(message.contains("125"), "{message}");
        assert!(message.ends_with("one / no memory"), "{message}");
        let old = failure(
            "read; echo \"error: unrecognized subcommand 'worker'\" >&2; exit 2",
            LIMIT,
        );
        assert!(old.contains("just image"), "{old}");
    }

    #[test]
    fn an_answer_that_is_not_understood_names_the_remedy() {
        let message = failure("read; echo '{\"news\": 1}'; read", LIMIT);
        assert!(message.contains("just image"), "{message}");
    }

    #[test]
    fn an_error_of_the_worker_is_passed_on() {
        let message = failure(
            "read; echo '{\"error\": {\"message\": \"no room\"}}'; read",
            LIMIT,
        );
        assert_eq!(message, "no room");
    }

    #[test]
    fn a_silent_machine_is_given_up() {
        let message = failure("read; read", Duration::ZERO);
        assert!(message.contains("did not answer"), "{message}");
    }

    #[test]
    fn an_interruption_is_not_a_failure_of_the_machine() {
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        let request = Request::Probe {
            image: "image".to_owned(),
        };
        let asked = guest("read; read").ask(&request, LIMIT, &cancelled);
        assert!(matches!(asked, Err(GuestError::Cancelled)));
    }

    #[test]
    fn only_the_last_lines_of_stderr_are_kept() {
        let kept = Mutex::default();
        let long = "x".repeat(5_000);
        let text: String = (1..=7).map(|number| format!("{number}{long}\n")).collect();
        keep_last_lines(text.as_bytes(), &kept);
        let kept = kept.into_inner().unwrap();
        assert_eq!(kept.len(), KEPT_ERROR_LINES);
        assert!(kept[0].starts_with("3x") && kept[0].len() == MAX_ERROR_LINE_BYTES);
    }
}
