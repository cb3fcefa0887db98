//! Lines of input, and reading them from a pipe or file with a limit on their length.

use std::io::{BufRead, Read as _};

use backroom_protocol::{MAX_NAME_CHARS, MAX_TEXT_BYTES, room::MAX_MEMBERS};

/// The longest line: a message of the largest size and the names of a full room.
pub(crate) const MAX_LINE_BYTES: usize =
    2 * MAX_TEXT_BYTES + MAX_MEMBERS * (MAX_NAME_CHARS * 4 + 1);

/// The kind of line that is requested. A front end shows a prompt for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
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
    End,
}

/// A blocking source of lines.
pub(crate) trait LineSource: Send {
    fn read(&mut self, prompt: Prompt) -> Line;
}

pub(crate) struct Lines<R>(pub(crate) R);

impl<R: BufRead + Send> LineSource for Lines<R> {
    fn read(&mut self, _: Prompt) -> Line {
        let mut line = Vec::new();
        let mut limited = self.0.by_ref().take(MAX_LINE_BYTES as u64);
        match limited.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => Line::End,
            Ok(MAX_LINE_BYTES) if line.last() != Some(&b'\n') => match self.0.skip_until(b'\n') {
                Ok(_) => Line::TooLong,
                Err(_) => Line::End,
            },
            Ok(_) => match String::from_utf8(line) {
                Ok(line) => Line::Text(line),
                Err(error) => Line::NotText(error.into_bytes()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<Line> {
        let mut source = Lines(bytes);
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
}
