//! Lines for an output that may fail for a while.

use std::io::{self, Write};
use std::mem;

/// Writes lines to an output that may fail for a while, such as a file on a full disk. Once it works again, a line tells how many
/// are missing, and a line that was written in part is completed first.
#[derive(Debug)]
pub struct LineWriter<W> {
    out: W,
    /// Makes the line that tells how many lines are missing, and why.
    notice: fn(u64, &str) -> String,
    /// The rest of a line that was written in part.
    rest: Vec<u8>,
    lost: u64,
    reason: String,
}

impl<W: Write> LineWriter<W> {
    /// Writes to `out`. `notice` makes a line from the number of lines that are missing and the reason.
    pub fn new(out: W, notice: fn(u64, &str) -> String) -> Self {
        Self {
            out,
            notice,
            rest: Vec::new(),
            lost: 0,
            reason: String::new(),
        }
    }

    /// Counts lines that were lost before they reached this writer.
    pub fn lose(&mut self, lines: u64, reason: &str) {
        if lines > 0 {
            self.lost += lines;
            reason.clone_into(&mut self.reason);
        }
    }

    /// Writes a line, which has its line ending.
    ///
    /// # Errors
    ///
    /// The output fails. The line has been counted as lost, or is completed by the next write.
    pub fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let mut bytes = mem::take(&mut self.rest);
        let rest = bytes.len();
        if self.lost > 0 {
            bytes.extend((self.notice)(self.lost, &self.reason).into_bytes());
            bytes.push(b'\n');
        }
        bytes.extend(line);
        let (written, outcome) = write_most(&mut self.out, &bytes);
        let Err(error) = outcome else {
            self.lost = 0;
            return Ok(());
        };
        bytes.drain(..written);
        if written > rest {
            self.lost = 0;
        } else {
            bytes.truncate(rest - written);
            self.lost += 1;
        }
        self.rest = bytes;
        self.reason = error.to_string();
        Err(error)
    }
}

/// Writes as much as is possible. Returns the number of bytes written, and the error that ended it early.
fn write_most(out: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match out.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, out.flush())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with this many free bytes.
    struct Disk {
        text: Vec<u8>,
        free: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.free);
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.free -= count;
            self.text.extend(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_loses_whole_lines_and_their_number_follows() {
        for free in 0..10 {
            let disk = Disk {
                text: Vec::new(),
                free,
            };
            let mut lines = LineWriter::new(disk, |lost, _| format!("{lost} lost"));
            for _ in 0..3 {
                lines.write_line(b"four\n").unwrap_or_default();
            }
            lines.out.free = 100;
            lines.write_line(b"end\n").unwrap();
            let text = String::from_utf8(lines.out.text).unwrap();
            let begun = free.div_ceil(5);
            let expected = format!("{}{} lost\nend\n", "four\n".repeat(begun), 3 - begun);
            assert_eq!(text, expected, "{free} bytes free");
        }
    }
}
