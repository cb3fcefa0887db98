//! Events for programs: one JSON object per line.

use std::io::{self, Write};

use super::front_end::FrontEnd;
use crate::event::Event;

/// Writes each event as one line of JSON and flushes.
#[derive(Debug)]
pub struct Json<W>(pub W);

impl<W: Write + Send> FrontEnd for Json<W> {
    fn show(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.0.write_all(&line)?;
        self.0.flush()
    }
}
