//! Events for a pipe, a log or a simple terminal: as plain lines, or as JSON for programs.

use std::io::{self, Stdout};
use std::os::fd::AsFd as _;

use backroom_process::LineWriter;
use backroom_process::stream::{Output, is_closed, reader_has_gone};
use backroom_vocabulary::event::{Event, Transfer};

use super::front_end::FrontEnd;
use super::text::{Style, describe};
use crate::event;

/// Writes each event to standard output as one or more lines.
pub(crate) struct Stream {
    format: fn(&Event) -> String,
    out: LineWriter<Output<Stdout>>,
    is_failing: bool,
}

impl Stream {
    /// Text, without colours or progress.
    pub(crate) fn plain() -> Self {
        Self::new(plain, |lost, reason| plain(&missing(lost, reason)))
    }

    /// One JSON object per line.
    pub(crate) fn json() -> Self {
        Self::new(json, |lost, reason| json(&missing(lost, reason)))
    }

    fn new(format: fn(&Event) -> String, notice: fn(u64, &str) -> String) -> Self {
        Self {
            format,
            out: LineWriter::new(Output(io::stdout()), notice),
            is_failing: false,
        }
    }
}

impl FrontEnd for Stream {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        let mut lines = (self.format)(event);
        lines.push('\n');
        match self.out.write_line(lines.as_bytes()) {
            Ok(()) => self.is_failing = false,
            Err(error) if is_closed(&error) => return Err(error),
            // A disk may have space again later. The transfers go on meanwhile.
            Err(error) => {
                if !self.is_failing {
                    tracing::warn!(%error, "cannot write to standard output; events are lost");
                }
                self.is_failing = true;
            }
        }
        Ok(())
    }

    /// Shows no progress, but notices a reader that has gone while there is nothing to write.
    fn show_progress(&mut self, _: &[Transfer]) -> io::Result<()> {
        if reader_has_gone(io::stdout().as_fd()) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }
}

fn plain(event: &Event) -> String {
    describe(event, Style::PLAIN)
}

fn json(event: &Event) -> String {
    // An event is plain data. If one could not be written, the line says so.
    serde_json::to_string(event).unwrap_or_else(|error| {
        serde_json::json!({"event": "error", "message": error.to_string()}).to_string()
    })
}

fn missing(lost: u64, reason: &str) -> Event {
    event::error(format!("{lost} events are missing here: {reason}"))
}
