//! A person at a terminal: a line editor with the conversation above it and one line about the room below.
//!
//! The editor has a thread of its own (see [`crate::input`]) and owns the cursor. Everything else reaches the screen
//! through its printer, which puts lines above the one being edited, and through [`StatusLine`], which the editor shows
//! below it as a hint.

mod completion;
mod editor;

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustix::termios::{OptionalActions, Termios, tcsetattr};
use rustyline::ExternalPrinter;

use super::FrontEnd;
use super::progress::Progress;
use super::wording::{Style, describe};
use crate::event::{Event, Transfer};

pub use editor::Editor;

/// What makes the editor draw its lines again where they are: one line up, one line down.
const REDRAW: &str = "\x1b[A\n";

/// Ends the editor's synchronized update and bracketed paste, and clears from the line being edited on.
const TIDY_UP: &str = "\x1b[?2026l\x1b[?2004l\r\x1b[J";

/// How long the editor may take to be held.
const HOLD_TIME: Duration = Duration::from_secs(1);

/// Shows events above the line being edited.
pub struct Terminal {
    printer: Box<dyn ExternalPrinter + Send>,
    shared: Arc<Shared>,
    /// How the terminal was before the editor took it.
    original: Termios,
    style: Style,
    bell: bool,
    own_name: String,
    progress: Progress,
    /// The editor says here that it is held.
    held: mpsc::Receiver<()>,
}

/// What the editor's thread and this one tell each other.
#[derive(Debug, Default)]
struct Shared {
    /// The others in the room, for completion.
    names: Mutex<Vec<String>>,
    /// What stands below the line being edited.
    status: Mutex<String>,
    /// Whether a line is being edited.
    reading: AtomicBool,
    /// Whether the program ends. The editor can't be told to stop reading, so it is held the next time that it draws,
    /// when it has cleared its lines.
    closing: AtomicBool,
}

impl Shared {
    fn names(&self) -> MutexGuard<'_, Vec<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> MutexGuard<'_, String> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terminal {
    fn print(&mut self, mut text: String) -> io::Result<()> {
        text.push('\n');
        self.printer.print(text).map_err(io::Error::other)
    }

    fn redraw(&mut self) -> io::Result<()> {
        self.printer.print(REDRAW.into()).map_err(io::Error::other)
    }

    fn follow(&self, event: &Event) {
        let mut names = self.shared.names();
        match event {
            Event::Joined {
                name: own, members, ..
            } => {
                *names = members
                    .iter()
                    .filter(|&name| name != own)
                    .cloned()
                    .collect();
            }
            Event::MemberJoined { name } => names.push(name.clone()),
            Event::MemberLeft { name } => names.retain(|other| other != name),
            _ => {}
        }
    }

    fn concerns_me(&self, event: &Event) -> bool {
        match event {
            Event::Message { text, .. } => {
                !self.own_name.is_empty()
                    && text.to_lowercase().contains(&self.own_name.to_lowercase())
            }
            _ => false,
        }
    }

    fn idle_status(&self) -> String {
        match self.shared.names().len() {
            0 => "alone in the room".into(),
            1 => "1 other in the room".into(),
            others => format!("{others} others in the room"),
        }
    }
}

impl FrontEnd for Terminal {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        self.follow(event);
        if let Event::Joined { name, .. } = event {
            self.own_name.clone_from(name);
        }
        // The editor asks for a name itself.
        if *event == Event::NameWanted {
            return Ok(());
        }
        let mut text = describe(event, self.style);
        if self.bell && self.concerns_me(event) {
            text.push('\x07');
        }
        self.print(text)
    }

    fn show_progress(&mut self, transfers: &[Transfer]) -> io::Result<()> {
        let mut status = self.progress.line(Instant::now(), transfers);
        if self.own_name.is_empty() {
            return Ok(());
        }
        if status.is_empty() {
            status = self.idle_status();
        }
        let status = self.style.paint("2", &fit(&status, columns()));
        if *self.shared.status() == status {
            return Ok(());
        }
        *self.shared.status() = status;
        self.redraw()
    }

    fn close(&mut self) -> io::Result<()> {
        if self.shared.reading.load(Ordering::Acquire) {
            self.shared.closing.store(true, Ordering::Release);
            self.redraw()?;
            // If it reads a line in this moment it will not draw any more, and nothing is to be waited for.
            let _ = self.held.recv_timeout(HOLD_TIME);
        }
        tcsetattr(io::stdin(), OptionalActions::Drain, &self.original)?;
        let mut out = io::stdout();
        out.write_all(TIDY_UP.as_bytes())?;
        out.flush()
    }
}

/// The width of the terminal.
fn columns() -> usize {
    rustix::termios::tcgetwinsize(io::stdout()).map_or(80, |size| usize::from(size.ws_col).max(1))
}

/// The beginning of `text` that surely fits on a line: a character beyond ASCII may be two columns wide.
fn fit(text: &str, columns: usize) -> String {
    let mut used = 0;
    text.chars()
        .take_while(|&c| {
            used += if c.is_ascii() || matches!(c, '█' | '░' | '↑' | '↓') {
                1
            } else {
                2
            };
            used < columns
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_cut_before_it_could_wrap() {
        assert_eq!(fit("abcdef", 4), "abc");
        assert_eq!(fit("名前", 4), "名");
        assert_eq!(fit("abc", 80), "abc");
    }
}
