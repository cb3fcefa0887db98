//! What goes to standard output: who comes and goes, and answers to the operator.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::warn;

/// What may wait to be printed: more than a full room can make by ending.
const MAX_WAITING: usize = 4_096;

/// How long the end of the program waits for the rest to be printed.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// Prints from a thread of its own: standard output may be a pipe that nobody reads, and neither
/// the room nor the program's end may wait for it.
#[derive(Debug)]
pub(crate) struct Announcer {
    lines: SyncSender<String>,
    done: Receiver<()>,
}

impl Announcer {
    pub(crate) fn start(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, waiting) = sync_channel::<String>(MAX_WAITING);
        let (finished, done) = sync_channel(1);
        let print = move || {
            for line in waiting {
                if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
                    warn!("standard output can't be written to: {error}");
                    break;
                }
            }
            // Nobody may be waiting for it any more.
            let _ = finished.send(());
        };
        thread::Builder::new()
            .name("announcer".to_owned())
            .spawn(print)?;
        Ok(Self { lines, done })
    }

    /// Prints a line, soon.
    pub(crate) fn print(&self, line: impl Into<String>) {
        if let Err(lost) = self.lines.try_send(line.into()) {
            warn!("standard output is not read, a line is lost: {lost}");
        }
    }

    /// Waits until all is printed, but not for ever.
    pub(crate) fn finish(self) {
        drop(self.lines);
        if self.done.recv_timeout(FLUSH_TIME).is_err() {
            warn!("standard output is not read, its last lines are lost");
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

    /// An output that nobody reads: writing to it waits until it is dropped.
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
    fn all_that_was_announced_is_printed_before_the_end() {
        let page = Page::default();
        let announcer = Announcer::start(page.clone()).unwrap();
        announcer.print("one");
        announcer.print("two");
        announcer.finish();
        assert_eq!(*page.0.lock().unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn an_output_that_nobody_reads_holds_up_nothing() {
        let (_stuck, waiting) = sync_channel(0);
        let announcer = Announcer::start(Stuck(waiting)).unwrap();
        for _ in 0..2 * MAX_WAITING {
            announcer.print("line");
        }
        announcer.finish();
    }
}
