//! Standard output: joining and leaving members, and the replies to console commands.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::warn;

/// The lines that may wait to be printed. A full room that closes produces fewer.
const MAX_WAITING: usize = 4_096;

/// The time that the program waits at its end for the remaining lines.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// Prints from its own thread. Standard output may be a pipe that nobody reads, which must block neither the room nor the
/// end of the program.
#[derive(Debug)]
pub(crate) struct Printer {
    lines: SyncSender<String>,
    done: Receiver<()>,
}

impl Printer {
    pub(crate) fn start(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, waiting) = sync_channel::<String>(MAX_WAITING);
        let (finished, done) = sync_channel(1);
        let print = move || {
            for line in waiting {
                if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
                    warn!("cannot write to standard output: {error}");
                    break;
                }
            }
            // This fails if `finish` has stopped waiting.
            let _ = finished.send(());
        };
        thread::Builder::new()
            .name("printer".to_owned())
            .spawn(print)?;
        Ok(Self { lines, done })
    }

    /// Queues a line for printing, or drops it if the queue is full.
    pub(crate) fn print(&self, line: impl Into<String>) {
        if let Err(error) = self.lines.try_send(line.into()) {
            warn!("a line of output was dropped because standard output is blocked: {error}");
        }
    }

    /// Waits until all lines are printed, at most [`FLUSH_TIME`].
    pub(crate) fn finish(self) {
        drop(self.lines);
        if self.done.recv_timeout(FLUSH_TIME).is_err() {
            warn!("the last lines of output were dropped because standard output is blocked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// An output that nobody reads: writing to it blocks until the sender is dropped.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn finish_waits_for_all_lines() {
        let page = Page::default();
        let printer = Printer::start(page.clone()).unwrap();
        printer.print("one");
        printer.print("two");
        printer.finish();
        assert_eq!(*page.0.lock().unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn a_blocked_output_blocks_nothing() {
        let (_stuck, waiting) = sync_channel(0);
        let printer = Printer::start(Stuck(waiting)).unwrap();
        for _ in 0..2 * MAX_WAITING {
            printer.print("line");
        }
        printer.finish();
    }
}
