//! Standard streams that other programs also use.
//!
//! Such a program may have made a stream non-blocking, for itself and for everyone. Reading and writing then wait here.

use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

/// Waits until `input` has data or has ended.
///
/// # Errors
///
/// The descriptor cannot be waited for.
pub fn wait_readable(input: BorrowedFd<'_>) -> io::Result<()> {
    wait(input, PollFlags::IN)
}

/// Whether the reader of `output` has gone: the other end of a pipe is closed, or the terminal has hung up. Does not block.
pub fn reader_has_gone(output: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(output, PollFlags::empty())];
    let no_time = Timespec::default();
    poll(&mut polled, Some(&no_time)).is_ok_and(|_| {
        let events = polled[0].revents();
        events.intersects(PollFlags::ERR | PollFlags::HUP)
    })
}

/// Whether an error of writing means that nobody will ever read the output: the other end of a pipe is closed, or the terminal
/// has hung up. After other errors, such as a full disk, a later write may succeed.
pub fn is_closed(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    error.kind() == ErrorKind::BrokenPipe || code == Some(Errno::IO.raw_os_error())
}

/// Whether `input` is this process's terminal, and another process group may read from it now.
pub fn is_in_background(input: BorrowedFd<'_>) -> bool {
    tcgetpgrp(input).is_ok_and(|foreground| foreground != getpgrp())
}

/// A standard stream, written without a buffer. Writing waits if the stream is non-blocking and full.
#[derive(Debug)]
pub struct Output<F>(pub F);

impl<F: AsFd> Write for Output<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(&self.0, bytes) {
                Err(Errno::AGAIN) => wait(self.0.as_fd(), PollFlags::OUT)?,
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn wait(stream: BorrowedFd<'_>, events: PollFlags) -> io::Result<()> {
    let mut polled = [PollFd::from_borrowed_fd(stream, events)];
    match poll(&mut polled, None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::thread;

    use rustix::io::ioctl_fionbio;

    use super::*;

    #[test]
    fn writing_to_a_full_non_blocking_pipe_waits_for_its_reader() {
        let (mut reader, writer) = io::pipe().unwrap();
        ioctl_fionbio(&writer, true).unwrap();
        let sent: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
        let received = thread::spawn(move || {
            let mut received = Vec::new();
            reader.read_to_end(&mut received).map(|_| received)
        });
        let mut output = Output(writer);
        output.write_all(&sent).unwrap();
        drop(output);
        assert!(received.join().unwrap().unwrap() == sent);
    }

    #[test]
    fn only_a_closed_pipe_has_no_reader() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(!reader_has_gone(writer.as_fd()));
        drop(reader);
        assert!(reader_has_gone(writer.as_fd()));
        let closed = Output(writer).write_all(b"line").unwrap_err();
        assert!(is_closed(&closed));
        let file = tempfile::tempfile().unwrap();
        assert!(!reader_has_gone(file.as_fd()));
        let full = Output(std::fs::File::create("/dev/full").unwrap());
        assert!(!reader_has_gone(full.0.as_fd()));
        let no_space = { full }.write_all(b"line").unwrap_err();
        assert!(!is_closed(&no_space));
    }
}
