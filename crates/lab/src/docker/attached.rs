//! A program in a container, controlled line by line through its stdin and stdout.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::container::{AttachContainerResults, LogOutput};
use bollard::query_parameters::{AttachContainerOptionsBuilder, StartContainerOptions};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::RoomError;

/// Capacity of the queue of unread lines. When it is full, the program's output is no longer read.
const MAX_WAITING_LINES: usize = 4096;
/// Longer lines are truncated. The project's programs write none.
const MAX_LINE_BYTES: usize = 256 * 1024;
/// How many of the last lines of stderr to keep for error messages.
const KEPT_ERROR_LINES: usize = 5;
/// Time limit for writing a line to a program's stdin.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connection to the stdin, stdout and stderr of a program in a container.
pub(super) struct Attached {
    name: String,
    input: Pin<Box<dyn AsyncWrite + Send>>,
    lines: mpsc::Receiver<String>,
    errors: Arc<Mutex<VecDeque<String>>>,
}

impl Attached {
    /// Attaches to the container `id`, then starts it, so no output is missed. `name` is used in error messages.
    pub(super) async fn start(docker: &Docker, id: &str, name: &str) -> Result<Self, RoomError> {
        let options = AttachContainerOptionsBuilder::new()
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .stream(true)
            .build();
        let AttachContainerResults { output, input } =
            docker.attach_container(id, Some(options)).await?;
        docker
            .start_container(id, None::<StartContainerOptions>)
            .await?;
        let (sender, lines) = mpsc::channel(MAX_WAITING_LINES);
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        tokio::spawn(split_lines(output, sender, Arc::clone(&errors)));
        Ok(Self {
            name: name.to_owned(),
            input,
            lines,
            errors,
        })
    }

    pub(super) async fn send_line(&mut self, line: &str) -> Result<(), RoomError> {
        let written = timeout(WRITE_TIMEOUT, async {
            self.input.write_all(format!("{line}\n").as_bytes()).await?;
            self.input.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.ended()),
            Err(_) => Err(RoomError::Timeout(self.name.clone())),
        }
    }

    /// Returns the next unread line of stdout. Waits for it until `deadline`.
    pub(super) async fn next_line(&mut self, deadline: Instant) -> Result<String, RoomError> {
        match timeout_at(deadline, self.lines.recv()).await {
            Ok(Some(line)) => Ok(line),
            Ok(None) => Err(self.ended()),
            Err(_) => Err(RoomError::Timeout(self.name.clone())),
        }
    }

    /// Parses the next unread line of stdout as JSON. Waits for it until `deadline`.
    pub(super) async fn next_json<T: DeserializeOwned>(
        &mut self,
        deadline: Instant,
    ) -> Result<T, RoomError> {
        let line = self.next_line(deadline).await?;
        serde_json::from_str(&line).map_err(|_| self.unexpected(&line))
    }

    pub(super) fn discard_waiting(&mut self) {
        while self.lines.try_recv().is_ok() {}
    }

    pub(super) fn unexpected(&self, line: &str) -> RoomError {
        RoomError::Failed(format!("unexpected output from {}: {line}", self.name))
    }

    /// The program has ended, or the engine closed the connection.
    fn ended(&self) -> RoomError {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut message = format!("{} has ended", self.name);
        if !errors.is_empty() {
            let errors: Vec<_> = errors.iter().map(String::as_str).collect();
            message += &format!(": {}", errors.join(" / "));
        }
        RoomError::Failed(message)
    }
}

/// Sends each line of stdout to `lines` and keeps the last lines of stderr in `errors`.
async fn split_lines(
    mut output: impl StreamExt<Item = Result<LogOutput, bollard::errors::Error>> + Unpin,
    lines: mpsc::Sender<String>,
    errors: Arc<Mutex<VecDeque<String>>>,
) {
    let (mut stdout, mut stderr) = (LineBuffer::default(), LineBuffer::default());
    while let Some(Ok(chunk)) = output.next().await {
        match chunk {
            LogOutput::StdErr { message } => {
                let mut errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
                errors.extend(stderr.push(&message));
                let surplus = errors.len().saturating_sub(KEPT_ERROR_LINES);
                errors.drain(..surplus);
            }
            LogOutput::StdOut { message } => {
                for line in stdout.push(&message) {
                    if lines.send(line).await.is_err() {
                        return;
                    }
                }
            }
            LogOutput::StdIn { .. } | LogOutput::Console { .. } => {}
        }
    }
}

/// Reassembles lines from chunks of output.
#[derive(Default)]
struct LineBuffer(Vec<u8>);

impl LineBuffer {
    /// Adds a chunk and returns the lines that it completes.
    fn push(&mut self, chunk: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in chunk.split_inclusive(|&byte| byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = MAX_LINE_BYTES - self.0.len();
            self.0.extend(text.iter().take(room));
            if text.len() < part.len() {
                lines.push(String::from_utf8_lossy(&self.0).trim_end().to_owned());
                self.0.clear();
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_reassembled_from_chunks_of_any_size() {
        let text = b"one\r\ntwo\n\nthree\n";
        for size in 1..=text.len() {
            let mut buffer = LineBuffer::default();
            let lines: Vec<String> = text
                .chunks(size)
                .flat_map(|chunk| buffer.push(chunk))
                .collect();
            assert_eq!(lines, ["one", "two", "", "three"], "in chunks of {size}");
        }
    }

    #[test]
    fn a_long_line_is_truncated() {
        let mut buffer = LineBuffer::default();
        for _ in 0..10 {
            assert!(buffer.push(&[b'x'; 100_000]).is_empty());
        }
        let lines = buffer.push(b"\nnext\n");
        assert_eq!(lines[0].len(), MAX_LINE_BYTES);
        assert_eq!(lines[1], "next");
    }
}
