//! Where lines come from: a thread that reads one whenever the session asks for one.
//!
//! Reading a terminal or a pipe blocks, so it happens on a thread of its own. A line is read only when it is asked for:
//! a program that writes commands faster than they can be carried out is held up by its pipe.

mod lines;

use std::io;
use std::sync::mpsc as blocking;
use std::thread;

use tokio::sync::mpsc;

pub use lines::{Lines, MAX_LINE_BYTES};

/// What is asked for, and so how a front end asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// A name to join with.
    Name,
    /// A command or a message.
    Command,
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A line, with or without its line ending.
    Text(String),
    /// A line of more than [`MAX_LINE_BYTES`], left out.
    TooLong,
    /// A line that is not UTF-8, left out.
    NotText,
    /// Ctrl-C where a line editor reads the terminal.
    Interrupted,
    /// There will be no more.
    End,
}

/// Something that lines can be read from, blocking.
pub trait LineSource: Send {
    /// The next line.
    fn read(&mut self, prompt: Prompt) -> Line;
}

/// The session's end of the reading thread.
#[derive(Debug)]
pub struct Input {
    requests: blocking::Sender<Prompt>,
    lines: mpsc::Receiver<Line>,
    asked: bool,
}

impl Input {
    /// Starts the thread that reads `source`. It ends with this `Input`, at the latest after the line that it waits for.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn spawn(mut source: impl LineSource + 'static) -> io::Result<Self> {
        let (requests, asked_for) = blocking::channel();
        let (deliver, lines) = mpsc::channel(1);
        thread::Builder::new().name("input".into()).spawn(move || {
            for prompt in asked_for {
                if deliver.blocking_send(source.read(prompt)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self {
            requests,
            lines,
            asked: false,
        })
    }

    /// The next line. Cancel safe: a line that was asked for and not waited for comes at the next call, whatever the
    /// prompt of that.
    pub async fn next(&mut self, prompt: Prompt) -> Line {
        if !self.asked && self.requests.send(prompt).is_err() {
            return Line::End;
        }
        self.asked = true;
        let line = self.lines.recv().await;
        self.asked = false;
        line.unwrap_or(Line::End)
    }
}
