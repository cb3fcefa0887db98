//! Input: a thread that reads a line whenever the session requests one.
//!
//! Reading from a terminal or a pipe blocks, so it needs its own thread. Lines are not read ahead, so a program that writes
//! commands faster than they can be executed is slowed down by its pipe.

mod lines;

use std::io;
use std::sync::mpsc as blocking;
use std::thread;

use tokio::sync::mpsc;

pub(crate) use lines::{Line, LineSource, Lines, MAX_LINE_BYTES, Prompt};

pub(crate) struct Input {
    requests: blocking::Sender<Prompt>,
    lines: mpsc::Receiver<Line>,
    /// Whether a requested line has not been received yet.
    requested: bool,
}

impl Input {
    /// Starts a thread that reads `source`. The thread ends when this `Input` is dropped, or after the line that it is
    /// waiting for.
    pub(crate) fn spawn(mut source: impl LineSource + 'static) -> io::Result<Self> {
        let (requests, prompts) = blocking::channel();
        let (deliver, lines) = mpsc::channel(1);
        thread::Builder::new().name("input".into()).spawn(move || {
            for prompt in prompts {
                if deliver.blocking_send(source.read(prompt)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self {
            requests,
            lines,
            requested: false,
        })
    }

    /// Waits for the next line. Cancel safe: the next call returns a line that was requested by a cancelled call, regardless
    /// of the prompt.
    pub(crate) async fn next(&mut self, prompt: Prompt) -> Line {
        if !self.requested && self.requests.send(prompt).is_err() {
            return Line::End;
        }
        self.requested = true;
        let line = self.lines.recv().await;
        self.requested = false;
        line.unwrap_or(Line::End)
    }
}
