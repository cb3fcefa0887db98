//! Signals that would stop or end a program because of its terminal, or because of a limit.

use std::io;

use nix::sys::signal::{SigSet, Signal};

/// Keeps the terminal from stopping a program in the background, on this thread and on those that it starts later. Reading from
/// the terminal then fails instead, and writing to it succeeds.
///
/// # Errors
///
/// The system refuses.
pub fn run_in_background() -> io::Result<()> {
    block(&[Signal::SIGTTIN, Signal::SIGTTOU])
}

/// Lets a write beyond the largest file size (`ulimit -f`) fail instead of ending the program, on this thread and on those that
/// it starts later.
///
/// # Errors
///
/// The system refuses.
pub fn fail_beyond_file_size() -> io::Result<()> {
    block(&[Signal::SIGXFSZ])
}

/// Keeps signals from stopping or ending the program because of what this thread writes: to the terminal in the background, with
/// `stty tostop`, or beyond the largest file size.
pub(crate) fn only_write() -> io::Result<()> {
    block(&[Signal::SIGTTOU, Signal::SIGXFSZ])
}

fn block(signals: &[Signal]) -> io::Result<()> {
    let signals: SigSet = signals.iter().copied().collect();
    Ok(signals.thread_block()?)
}
