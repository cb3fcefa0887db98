//! A person at a terminal: a line editor with the conversation above it and one line about the room below.
//!
//! The editor has a thread of its own (see [`crate::input`]) and owns the cursor. Everything else reaches the screen
//! through its printer, which puts lines above the one being edited, and through [`StatusLine`], which the editor shows
//! below it as a hint.

mod completion;
mod editor;

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustyline::ExternalPrinter;

use super::FrontEnd;
use super::progress::Progress;
use super::wording::{Style, describe};
use crate::event::{Event, Transfer};

pub use editor::Editor;

/// What makes the editor draw its lines again where they are: one line up, one line down.
const REDRAW: &str = "\x1b[A\n";

/// Shows events above the line being edited.
pub struct Terminal {
    printer: Box<dyn ExternalPrinter + Send>,
    shared: Arc<Shared>,
    style: Style,
    bell: bool,
    own_name: String,
    progress: Progress,
}

/// What the editor's thread needs to know of the room.
#[derive(Debug, Default)]
struct Shared {
    names: Mutex<Vec<String>>,
    status: Mutex<String>,
}

impl Shared {
    fn names(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> std::sync::MutexGuard<'_, String> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terminal {
    fn print(&mut self, mut text: String) -> io::Result<()> {
        text.push('\n');
        self.printer.print(text).map_err(io::Error::other)
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
        self.printer.print(REDRAW.into()).map_err(io::Error::other)
    }

    fn close(&mut self) -> io::Result<()> {
        // The printer holds one text until the editor takes it: when it takes the second, the first is on the screen.
        self.printer
            .print(REDRAW.into())
            .map_err(io::Error::other)?;
        self.printer
            .print(REDRAW.into())
            .map_err(io::Error::other)?;
        let mut out = io::stdout();
        out.write_all(b"\r\x1b[J\x1b[?2004l")?;
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
