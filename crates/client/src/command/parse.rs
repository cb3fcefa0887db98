//! The parser of command lines.

use super::fields::{Fields, split_bar, unescape, utf8};
use super::table::{CommandSpec, nearest};
use super::types::{Command, CommandError, Recipients};

/// Parses one line, with or without its line ending. Returns `None` for a blank line. The path of a file may be any bytes; the
/// rest must be UTF-8.
pub(crate) fn parse(line: impl AsRef<[u8]>) -> Result<Option<Command>, CommandError> {
    let mut line = line.as_ref();
    while let Some(rest) = line.strip_suffix(b"\n").or(line.strip_suffix(b"\r")) {
        line = rest;
    }
    match split_bar(line) {
        Some((word, text)) => parse_with_bar(utf8(word)?.trim(), text).map(Some),
        None => parse_without_bar(utf8(line)?),
    }
}

fn parse_without_bar(line: &str) -> Result<Option<Command>, CommandError> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    if let Some(spec) = CommandSpec::find(line.trim()) {
        return match spec.fields() {
            None => parse_fields(spec, b"").map(Some),
            Some(_) => Err(spec.usage_error("missing fields")),
        };
    }
    // `municast bob see you at nine` lacks a bar, but is meant for one member. It must not go to everyone.
    let first = line.split_whitespace().next().and_then(CommandSpec::find);
    if let Some(spec) = first.filter(|spec| spec.takes_text() || spec.takes_path()) {
        return Err(spec.usage_error("the fields of a command must be separated by bars"));
    }
    Ok(Some(Command::Message {
        to: Recipients::EVERYONE,
        text: unescape(line),
    }))
}

fn parse_with_bar(word: &str, text: &[u8]) -> Result<Command, CommandError> {
    let Some(spec) = CommandSpec::find(word) else {
        return Err(CommandError::Unknown {
            word: shorten(word),
            nearest: nearest(word),
        });
    };
    match spec.fields() {
        None => Err(spec.usage_error("this command takes no fields")),
        Some(_) => parse_fields(spec, text),
    }
}

fn parse_fields(spec: &CommandSpec, text: &[u8]) -> Result<Command, CommandError> {
    let usage = spec.syntax;
    (spec.parse)(&Fields { text, usage })
}

fn shorten(word: &str) -> String {
    const SHOWN: usize = 32;
    let mut shown: String = word
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN)
        .collect();
    if word.chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}
