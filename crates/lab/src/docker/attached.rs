//! A program in a container, spoken to line by line through its stdin and stdout.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::container::{AttachContainerResults, LogOutput};
use bollard::query_parameters::{AttachContainerOptionsBuilder, StartContainerOptions};
use futures_util::StreamExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

/// Lines that wait to be read. A program that says more is not read from until somebody listens.
const MAX_WAITING_LINES: usize = 4096;
/// A longer line is cut; no program of the project writes one.
const MAX_LINE_BYTES: usize = 256 * 1024;
/// How much of what a program wrote to stderr is kept.
const KEPT_ERROR_LINES: usize = 5;
/// A program that does not take a line in this time takes none.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// The conversation with a program in a container.
pub(super) struct Attached {
    name: String,
    input: Pin<Box<dyn AsyncWrite + Send>>,
    lines: mpsc::Receiver<String>,
    errors: Arc<Mutex<VecDeque<String>>>,
}

/// Why a program said nothing more.
#[derive(Debug, thiserror::Error)]
pub(super) enum TalkError {
    /// It may yet.
    #[error("{0} did not answer in time")]
    Silent(String),
    /// It has ended, or the engine has.
    #[error("{name} has ended{}", last_words(.errors))]
    Ended {
        /// Which program.
        name: String,
        /// The end of what it wrote to stderr.
        errors: Vec<String>,
    },
    /// It said something unexpected.
    #[error("{name} said something unexpected: {line}")]
    Unexpected {
        /// Which program.
        name: String,
        /// What it said.
        line: String,
    },
}

fn last_words(errors: &[String]) -> String {
    if errors.is_empty() {
        String::new()
    } else {
        format!(": {}", errors.join(" / "))
    }
}

impl Attached {
    /// Starts the container `id` and listens from its first word on. `name` is for messages to people.
    pub(super) async fn start(
        docker: &Docker,
        id: &str,
        name: &str,
    ) -> Result<Self, bollard::errors::Error> {
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

    /// Says a line.
    pub(super) async fn say(&mut self, line: &str) -> Result<(), TalkError> {
        let written = timeout(WRITE_TIMEOUT, async {
            self.input.write_all(format!("{line}\n").as_bytes()).await?;
            self.input.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.ended()),
            Err(_) => Err(TalkError::Silent(self.name.clone())),
        }
    }

    /// The next line that it said or says before `deadline`.
    pub(super) async fn next_line(&mut self, deadline: Instant) -> Result<String, TalkError> {
        match timeout_at(deadline, self.lines.recv()).await {
            Ok(Some(line)) => Ok(line),
            Ok(None) => Err(self.ended()),
            Err(_) => Err(TalkError::Silent(self.name.clone())),
        }
    }

    /// Forgets every line that nobody has read.
    pub(super) fn discard_waiting(&mut self) {
        while self.lines.try_recv().is_ok() {}
    }

    /// An error about `line`.
    pub(super) fn unexpected(&self, line: String) -> TalkError {
        TalkError::Unexpected {
            name: self.name.clone(),
            line,
        }
    }

    fn ended(&self) -> TalkError {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        TalkError::Ended {
            name: self.name.clone(),
            errors: errors.iter().cloned().collect(),
        }
    }
}

/// Hands over each line of stdout, and keeps the last ones of stderr.
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

/// Puts lines together from pieces.
#[derive(Default)]
struct LineBuffer(Vec<u8>);

impl LineBuffer {
    /// The lines that end in `piece`.
    fn push(&mut self, piece: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in piece.split_inclusive(|&byte| byte == b'\n') {
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
    fn lines_are_whole_however_they_are_cut() {
        let text = b"one\r\ntwo\n\nthree\n";
        for size in 1..=text.len() {
            let mut buffer = LineBuffer::default();
            let lines: Vec<String> = text
                .chunks(size)
                .flat_map(|piece| buffer.push(piece))
                .collect();
            assert_eq!(lines, ["one", "two", "", "three"], "in pieces of {size}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_for_ever() {
        let mut buffer = LineBuffer::default();
        for _ in 0..10 {
            assert!(buffer.push(&[b'x'; 100_000]).is_empty());
        }
        let lines = buffer.push(b"\nnext\n");
        assert_eq!(lines[0].len(), MAX_LINE_BYTES);
        assert_eq!(lines[1], "next");
    }
}
