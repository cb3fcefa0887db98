//! Text that is shown to people: chat messages, and the reasons of errors.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::characters::{is_bidi_control, prefix_of};

/// The longest text message, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The longest [`Reason`], in bytes of UTF-8.
pub const MAX_REASON_BYTES: usize = 512;

/// A text message of at most [`MAX_TEXT_BYTES`], exactly as its sender wrote it.
///
/// It may contain terminal control sequences, so print [`Text::for_terminal`] instead of the text itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Text(String);

impl Text {
    /// Checks the length. All other content is allowed.
    pub fn new(text: impl Into<String>) -> Result<Self, TextTooLong> {
        let text = text.into();
        if text.len() > MAX_TEXT_BYTES {
            return Err(TextTooLong { bytes: text.len() });
        }
        Ok(Self(text))
    }

    /// The unmodified text. Do not print it to a terminal.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text without terminal control sequences; see [`strip_terminal_controls`].
    pub fn for_terminal(&self) -> Cow<'_, str> {
        strip_terminal_controls(&self.0)
    }
}

impl TryFrom<String> for Text {
    type Error = TextTooLong;

    fn try_from(text: String) -> Result<Self, TextTooLong> {
        Self::new(text)
    }
}

/// A text message is longer than [`MAX_TEXT_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message has {bytes} bytes; at most {MAX_TEXT_BYTES} are allowed. Send it as a file")]
pub struct TextTooLong {
    /// The length of the message.
    pub bytes: usize,
}

/// The reason of a refusal or failure, for a person to read: one line of at most [`MAX_REASON_BYTES`] that is safe to print.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Reason(String);

impl Reason {
    /// Converts any text: removes control sequences, replaces line ends and tabs by spaces, and truncates.
    pub fn new(text: impl AsRef<str>) -> Self {
        let mut line: String = strip_terminal_controls(text.as_ref())
            .chars()
            .map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c })
            .collect();
        line.truncate(prefix_of(&line, MAX_REASON_BYTES).len());
        Self(line)
    }

    /// The text, which is safe to print.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Removes everything that a terminal would interpret instead of display: escape sequences with their arguments (ECMA-48:
/// CSI, OSC, DCS and so on), control characters except line feed and tab, and the characters that reorder a line of text.
pub fn strip_terminal_controls(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || is_bidi_control(c));
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape_sequence(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_control_string(&mut chars),
            c if harmless(c) => shown.push(c),
            _ => {}
        }
    }
    Cow::Owned(shown)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Skips the rest of a sequence after ESC (ECMA-48, 5.3).
fn skip_escape_sequence(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        Some('P' | 'X' | ']' | '^' | '_') => {
            chars.next();
            skip_control_string(chars);
        }
        _ => {
            while chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            chars.next_if(|c| matches!(c, '0'..='~'));
        }
    }
}

/// Skips the rest of a sequence after CSI: parameter bytes, intermediate bytes, one final byte (ECMA-48, 5.4).
fn skip_control_sequence(chars: &mut Chars<'_>) {
    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    chars.next_if(|c| matches!(c, '@'..='~'));
}

/// Skips the rest of a sequence after OSC, DCS, SOS, PM or APC: up to BEL or ST, or to the end of the line if neither
/// follows (ECMA-48, 5.6).
fn skip_control_string(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_limited_to_64_kib() {
        assert!(Text::new("x".repeat(MAX_TEXT_BYTES)).is_ok());
        assert_eq!(
            Text::new("x".repeat(MAX_TEXT_BYTES + 1)),
            Err(TextTooLong {
                bytes: MAX_TEXT_BYTES + 1
            })
        );
    }

    #[test]
    fn ordinary_text_is_unchanged() {
        for text in [
            "",
            "hello",
            "two\nlines\tand a tab",
            "नमस्ते 👩‍👩‍👧 ❤️ שלום",
            "[31m is no sequence without its escape",
        ] {
            assert!(matches!(strip_terminal_controls(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn terminal_sequences_are_removed_with_their_arguments() {
        for (text, shown) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{9b}2Jgone", "gone"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{90}q data\u{9c}after", "after"),
            ("\u{1b}(Bplain", "plain"),
            ("\u{1b}cblank", "blank"),
            ("bell\u{7}\u{8}\u{8}\r***you : no", "bell***you : no"),
            ("\u{1b}]0;no end\nnext line", "\nnext line"),
            ("\u{202e}drowssap\u{202c}", "drowssap"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
        ] {
            assert_eq!(strip_terminal_controls(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_reason_is_one_line_of_bounded_length() {
        let reason = Reason::new(format!("no\u{1b}[2J\nway {}", "é".repeat(MAX_REASON_BYTES)));
        assert!(reason.as_str().starts_with("no way é"));
        assert!(reason.as_str().len() <= MAX_REASON_BYTES);
    }

    proptest! {
        #[test]
        fn all_control_characters_are_removed(text in any::<String>()) {
            let shown = strip_terminal_controls(&text);
            prop_assert!(shown.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()));
        }

        #[test]
        fn stripping_is_idempotent(text in "[\u{1b}\\[\\]0-9;mP\u{7}\u{9b}\u{9c}\\\\ \na-z]{0,40}") {
            let once = strip_terminal_controls(&text).into_owned();
            prop_assert_eq!(strip_terminal_controls(&once), once.as_str());
        }
    }
}
