//! Events as plain lines, for a pipe, a log or a simple terminal.

use std::io::{self, Write};

use super::front_end::FrontEnd;
use super::text::{Style, describe};
use crate::event::Event;

/// Writes events as text, without colours or progress.
#[derive(Debug)]
pub struct Plain<W>(pub W);

impl<W: Write + Send> FrontEnd for Plain<W> {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        writeln!(self.0, "{}", describe(event, Style::PLAIN))?;
        self.0.flush()
    }
}
