//! Events for people, as lines: for a pipe, a log or a simple terminal.

use std::io::{self, Write};

use super::FrontEnd;
use super::wording::{Style, describe};
use crate::event::Event;

/// Writes what people read, without colours and without anything that moves.
#[derive(Debug)]
pub struct Plain<W>(pub W);

impl<W: Write + Send> FrontEnd for Plain<W> {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        writeln!(self.0, "{}", describe(event, Style::PLAIN))?;
        self.0.flush()
    }
}
