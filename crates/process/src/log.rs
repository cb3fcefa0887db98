//! The log: lines on standard error.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::line_queue::LineQueue;
use crate::stream::Output;

/// Sends the program's log to standard error, through the returned queue. `RUST_LOG` sets the level; `default_level` is used
/// without it.
///
/// A log that nobody can read any more is no reason to end: errors of writing to standard error are not reported there.
///
/// # Errors
///
/// The thread that writes cannot be started.
pub fn start(default_level: &str, colours: bool) -> io::Result<LineQueue> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_level));
    let lines = LineQueue::start("log", Output(io::stderr()))?;
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || writer.clone())
        .with_ansi(colours)
        // This would write to standard error, and panic if that is closed.
        .log_internal_errors(false)
        .init();
    Ok(lines)
}
