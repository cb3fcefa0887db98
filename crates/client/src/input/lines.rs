//! Lines of input, and reading them from a pipe or file with a limit on their length.

use std::io::{self, BufRead, ErrorKind, Read as _};
use std::os::fd::AsFd as _;

use backroom_process::stream::wait_readable;
use backroom_protocol::{MAX_NAME_CHARS, MAX_TEXT_BYTES, room::MAX_MEMBERS};

/// The longest line: a message of the largest size and the names of a full room.
pub(crate) const MAX_LINE_BYTES: usize =
    2 * MAX_TEXT_BYTES + MAX_MEMBERS * (MAX_NAME_CHARS * 4 + 1);

/// The kind of line that is requested. A front end shows a prompt for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// `yes`, or anything else for no.
    Confirmation,
    Name,
    Command,
}

/// The result of reading a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line, with or without its line ending.
    Text(String),
    /// A line of more than [`MAX_LINE_BYTES`], which was skipped.
    TooLong,
    /// A line that is not UTF-8. It may contain the path of a file.
    NotText(Vec<u8>),
    /// Ctrl-C in a line editor.
    Interrupted,
    /// The input cannot be read any further, for this reason. `End` follows.
    Failed(String),
    End,
}

/// A blocking source of lines.
pub(crate) trait LineSource: Send {
    fn read(&mut self, prompt: Prompt) -> Line;
}

pub(crate) struct Lines<R> {
    input: R,
    has_failed: bool,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            has_failed: false,
        }
    }

    fn try_read(&mut self) -> io::Result<Line> {
        let mut line = Vec::new();
        let input = &mut self.input;
        waiting(|| {
            let room = MAX_LINE_BYTES - line.len();
            let mut limited = input.by_ref().take(room as u64);
            limited.read_until(b'\n', &mut line)
        })?;
        let is_complete = line.last() == Some(&b'\n');
        Ok(match line.len() {
            0 => Line::End,
            MAX_LINE_BYTES if !is_complete => {
                waiting(|| input.skip_until(b'\n'))?;
                Line::TooLong
            }
            _ => match String::from_utf8(line) {
                Ok(line) => Line::Text(line),
                Err(error) => Line::NotText(error.into_bytes()),
            },
        })
    }
}

impl<R: BufRead + Send> LineSource for Lines<R> {
    fn read(&mut self, _: Prompt) -> Line {
        if self.has_failed {
            return Line::End;
        }
        self.try_read().unwrap_or_else(|error| {
            self.has_failed = true;
            Line::Failed(error.to_string())
        })
    }
}

/// Reads from standard input, which another program may have made non-blocking.
fn waiting(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                wait_readable(io::stdin().as_fd())?;
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<Line> {
        let mut source = Lines::new(bytes);
        let mut lines = Vec::new();
        while lines.last() != Some(&Line::End) {
            lines.push(source.read(Prompt::Command));
        }
        lines
    }

    #[test]
    fn lines_are_read_one_by_one_and_the_last_needs_no_line_ending() {
        assert_eq!(
            lines(b"one\n\ntwo"),
            [
                Line::Text("one\n".into()),
                Line::Text("\n".into()),
                Line::Text("two".into()),
                Line::End
            ]
        );
    }

    #[test]
    fn long_lines_are_skipped_and_lines_that_are_not_text_are_kept() {
        let mut bytes = vec![b'x'; 3 * MAX_LINE_BYTES];
        bytes.extend_from_slice(b"\n\xff\xfe\nhi\n");
        assert_eq!(
            lines(&bytes),
            [
                Line::TooLong,
                Line::NotText(b"\xff\xfe\n".to_vec()),
                Line::Text("hi\n".into()),
                Line::End
            ]
        );
    }

    #[test]
    fn an_input_that_cannot_be_read_is_not_its_end() {
        let folder = std::fs::File::open("/").unwrap();
        let mut source = Lines::new(io::BufReader::new(folder));
        assert!(matches!(source.read(Prompt::Command), Line::Failed(_)));
        assert_eq!(source.read(Prompt::Command), Line::End);
    }
}
