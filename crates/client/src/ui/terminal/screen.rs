//! The screen: prints events above the line being edited, and the status below it.

use std::io::{self, Write as _};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use backroom_vocabulary::event::{Event, Transfer};
use rustix::termios::{OptionalActions, Termios, tcsetattr};
use rustyline::ExternalPrinter;

use super::shared::Shared;
use crate::ui::front_end::FrontEnd;
use crate::ui::progress::Progress;
use crate::ui::text::{Style, describe};

/// Printing this makes the editor redraw its lines in place: one line up, one line down.
const REDRAW: &str = "\x1b[A\n";

/// Ends the editor's synchronized update and bracketed paste, and clears the screen from the line being edited.
const RESTORE_TERMINAL: &str = "\x1b[?2026l\x1b[?2004l\r\x1b[J";

/// The time that the editor's thread has to park.
const PARK_TIMEOUT: Duration = Duration::from_secs(1);

/// Shows events above the line being edited.
pub(crate) struct Terminal {
    pub(super) printer: Box<dyn ExternalPrinter + Send>,
    pub(super) shared: Arc<Shared>,
    /// The settings of the terminal before the editor changed them.
    pub(super) original: Termios,
    pub(super) style: Style,
    pub(super) bell: bool,
    pub(super) own_name: String,
    pub(super) progress: Progress,
    /// Signals that the editor's thread has parked.
    pub(super) parked: mpsc::Receiver<()>,
}

impl Terminal {
    fn print(&mut self, mut text: String) -> io::Result<()> {
        text.push('\n');
        self.printer.print(text).map_err(io::Error::other)
    }

    fn redraw(&mut self) -> io::Result<()> {
        self.printer.print(REDRAW.into()).map_err(io::Error::other)
    }

    fn update_names(&self, event: &Event) {
        let mut names = self.shared.names();
        match event {
            Event::Joined {
                name: own, members, ..
            } => {
                names.clone_from(members);
                names.retain(|name| name != own);
            }
            Event::MemberJoined { name } => names.push(name.clone()),
            Event::MemberLeft { name } => names.retain(|other| other != name),
            _ => {}
        }
    }

    fn mentions_me(&self, event: &Event) -> bool {
        let own_name = self.own_name.to_lowercase();
        matches!(event, Event::Message { text, .. } if text.to_lowercase().contains(&own_name))
    }

    fn idle_status(&self) -> String {
        match self.shared.names().len() {
            0 => "alone in this room".into(),
            1 => "1 other in the room".into(),
            others => format!("{others} others in the room"),
        }
    }
}

impl FrontEnd for Terminal {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        self.update_names(event);
        if let Event::Joined { name, .. } = event {
            self.own_name.clone_from(name);
        }
        // The editor shows its own prompt for the name.
        if *event == Event::NameWanted {
            return Ok(());
        }
        let mut text = describe(event, self.style);
        if self.bell && self.mentions_me(event) {
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
        let status = self
            .style
            .paint("2", &truncate_to_width(&status, columns()));
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
            // This times out if the editor has just returned a line and will not draw again.
            let _ = self.parked.recv_timeout(PARK_TIMEOUT);
        }
        tcsetattr(io::stdin(), OptionalActions::Drain, &self.original)?;
        let mut out = io::stdout();
        out.write_all(RESTORE_TERMINAL.as_bytes())?;
        out.flush()
    }
}

/// The width of the terminal, or 80 if it is unknown.
fn columns() -> usize {
    rustix::termios::tcgetwinsize(io::stdout()).map_or(80, |size| usize::from(size.ws_col).max(1))
}

/// Truncates `text` to fit on a line. Characters beyond ASCII may be two columns wide, so they count as two.
fn truncate_to_width(text: &str, columns: usize) -> String {
    let mut used = 0;
    text.chars()
        .take_while(|&c| {
            let is_narrow = c.is_ascii() || matches!(c, '█' | '░' | '↑' | '↓');
            used += if is_narrow { 1 } else { 2 };
            used < columns
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_status_is_truncated() {
        assert_eq!(truncate_to_width("abcdef", 4), "abc");
        assert_eq!(truncate_to_width("名前", 4), "名");
        assert_eq!(truncate_to_width("abc", 80), "abc");
    }
}
