//! Events for a pipe, a log or a simple terminal: as plain lines, or as JSON for programs.

use std::io::{self, Write as _};

use backroom_vocabulary::event::Event;

use super::front_end::FrontEnd;
use super::text::{Style, describe};

/// Writes events to standard output as text, without colours or progress.
pub(crate) struct Plain;

/// Writes each event to standard output as one JSON object on a line.
pub(crate) struct Json;

impl FrontEnd for Plain {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        write_line(&describe(event, Style::PLAIN))
    }
}

impl FrontEnd for Json {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        write_line(&serde_json::to_string(event)?)
    }
}

fn write_line(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
