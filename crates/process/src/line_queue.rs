//! Lines of output, written by a thread of their own.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::line_writer::LineWriter;
use crate::signals;

/// The lines that may wait to be written. A full room that closes produces fewer.
const MAX_WAITING: usize = 4_096;

/// The time that the program waits at its end for the remaining lines.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// The interval at which a full queue is tried again at the end of the program.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Writes lines from a thread. The output may be closed, full or a pipe that nobody reads: that neither blocks nor ends the
/// program. Lines that cannot be written are counted, and the next line that can be tells how many are missing. Clones share
/// the queue.
#[derive(Clone, Debug)]
pub struct LineQueue {
    items: SyncSender<Item>,
    /// The lines that did not fit into the queue.
    overflowed: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Item {
    /// A line with its line ending.
    Line(Vec<u8>),
    /// Replies when all earlier lines are written or lost.
    Flush(SyncSender<()>),
}

impl LineQueue {
    /// Starts the thread `name`, which writes to `out`.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn start(name: &str, out: impl Write + Send + 'static) -> io::Result<Self> {
        let (items, waiting) = sync_channel(MAX_WAITING);
        let overflowed = Arc::<AtomicU64>::default();
        let lost = Arc::clone(&overflowed);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // If the system refuses, these signals act as on any other program.
                let _ = signals::only_write();
                write_all(&waiting, out, &lost);
            })?;
        Ok(Self { items, overflowed })
    }

    /// Queues a line, to which a line ending is added. It is lost if the queue is full.
    pub fn print(&self, line: impl Into<String>) {
        let mut line = line.into();
        line.push('\n');
        self.queue(line.into_bytes());
    }

    /// Waits until all lines are written or lost, at most a second.
    pub fn finish(&self) {
        let deadline = Instant::now() + FLUSH_TIME;
        let (reply, flushed) = sync_channel(1);
        let mut flush = Item::Flush(reply);
        while let Err(TrySendError::Full(item)) = self.items.try_send(flush) {
            if Instant::now() >= deadline {
                return;
            }
            flush = item;
            thread::sleep(RETRY_INTERVAL);
        }
        // On a timeout, the output is blocked, and the rest of the lines is lost with the program.
        let _ = flushed.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }

    fn queue(&self, line: Vec<u8>) {
        if self.items.try_send(Item::Line(line)).is_err() {
            self.overflowed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Each write is one line, or several, with their line endings.
impl Write for LineQueue {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.queue(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(items: &Receiver<Item>, out: impl Write, overflowed: &AtomicU64) {
    let mut out = LineWriter::new(out, |lost, reason| {
        format!("({lost} lines are missing here: {reason})")
    });
    for item in items {
        match item {
            Item::Line(line) => {
                let lost = overflowed.swap(0, Ordering::Relaxed);
                out.lose(lost, "the output is blocked");
                // The next line that can be written tells of an error.
                let _ = out.write_line(&line);
            }
            Item::Flush(reply) => {
                // This fails if `finish` has stopped waiting.
                let _ = reply.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps what is written, and fails while `broken`.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<(Vec<u8>, bool)>>);

    impl Page {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap()
        }

        fn set_broken(&self, broken: bool) {
            self.0.lock().unwrap().1 = broken;
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (text, broken) = &mut *self.0.lock().unwrap();
            if *broken {
                return Err(io::ErrorKind::StorageFull.into());
            }
            text.write(bytes)
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
        let lines = LineQueue::start("test", page.clone()).unwrap();
        lines.print("one");
        lines.print("two");
        lines.finish();
        assert_eq!(page.text(), "one\ntwo\n");
    }

    #[test]
    fn lines_lost_on_a_full_disk_are_counted_once_it_has_space_again() {
        let page = Page::default();
        let lines = LineQueue::start("test", page.clone()).unwrap();
        lines.print("before");
        lines.finish();
        page.set_broken(true);
        lines.print("lost");
        lines.print("lost, too");
        lines.finish();
        page.set_broken(false);
        lines.print("after");
        lines.print("the end");
        lines.finish();
        let text = page.text();
        let expected = "before\n(2 lines are missing here: ";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with(")\nafter\nthe end\n"), "{text}");
    }

    #[test]
    fn a_blocked_output_blocks_nothing() {
        let (_stuck, waiting) = sync_channel(0);
        let lines = LineQueue::start("test", Stuck(waiting)).unwrap();
        for _ in 0..2 * MAX_WAITING {
            lines.print("line");
        }
        lines.finish();
    }
}
