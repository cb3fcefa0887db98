//! Lines of input, and what they can be read from.

/// The kind of line that is requested. A front end shows a prompt for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// A name to join with.
    Name,
    /// A command or a message.
    Command,
}

/// The result of reading a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A line, with or without its line ending.
    Text(String),
    /// A line of more than [`MAX_LINE_BYTES`](super::MAX_LINE_BYTES), which was skipped.
    TooLong,
    /// A line that is not UTF-8, which was skipped.
    NotText,
    /// Ctrl-C in a line editor.
    Interrupted,
    /// The end of the input.
    End,
}

/// A blocking source of lines.
pub trait LineSource: Send {
    /// Reads the next line.
    fn read(&mut self, prompt: Prompt) -> Line;
}
