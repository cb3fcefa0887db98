//! The parser of command lines.

use backroom_protocol::Cast;

use super::table::{Arguments, CommandSpec, nearest};
use super::types::{Command, CommandError, Recipients};

/// Parses one line, with or without its line ending. Returns `None` for a blank line.
///
/// # Errors
/// The line is not a valid command. The message shows the correct syntax.
pub fn parse(line: &str) -> Result<Option<Command>, CommandError> {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.trim().is_empty() {
        return Ok(None);
    }
    match split_bar(line) {
        Some((word, rest)) => parse_fields(word.trim(), rest),
        None => parse_without_bar(line),
    }
    .map(Some)
}

/// Escapes the bars of a field for [`parse`]: each becomes `\|`.
#[must_use]
pub fn escape(field: &str) -> String {
    field.replace('|', "\\|")
}

fn unescape(field: &str) -> String {
    field.replace("\\|", "|")
}

/// Splits at the first unescaped bar.
fn split_bar(text: &str) -> Option<(&str, &str)> {
    let at = bar_positions(text).next()?;
    Some((&text[..at], &text[at + 1..]))
}

fn bar_positions(text: &str) -> impl Iterator<Item = usize> + '_ {
    let bytes = text.as_bytes();
    let escaped = move |at: usize| at > 0 && bytes[at - 1] == b'\\';
    text.match_indices('|')
        .map(|(at, _)| at)
        .filter(move |&at| !escaped(at))
}

fn parse_without_bar(line: &str) -> Result<Command, CommandError> {
    if let Some(word) = CommandSpec::find(line.trim()) {
        return match word.arguments {
            Arguments::None(command) => Ok(command()),
            _ => Err(word.usage_error("missing fields")),
        };
    }
    // `municast bob see you at nine` lacks a bar, but is meant for one member. It must not go to everyone.
    let first = line.split_whitespace().next().and_then(CommandSpec::find);
    if let Some(word) = first.filter(|word| word.is_cast()) {
        return Err(word.usage_error("the fields of a command must be separated by bars"));
    }
    Ok(Command::Message {
        to: Recipients::Everyone,
        text: unescape(line),
    })
}

fn parse_fields(typed: &str, rest: &str) -> Result<Command, CommandError> {
    let Some(word) = CommandSpec::find(typed) else {
        return Err(CommandError::Unknown {
            word: shorten(typed),
            nearest: nearest(typed),
        });
    };
    match word.arguments {
        Arguments::None(_) => Err(word.usage_error("this command takes no fields")),
        Arguments::Message(cast) => {
            let (to, text) = recipients(word, cast, rest)?;
            let text = unescape(text);
            if text.trim().is_empty() {
                return Err(word.usage_error("the message is empty"));
            }
            Ok(Command::Message { to, text })
        }
        Arguments::File(cast) => {
            let (to, path) = recipients(word, cast, rest)?;
            let path = unescape(path.trim());
            if path.is_empty() {
                return Err(word.usage_error("missing path"));
            }
            Ok(Command::File {
                to,
                path: path.into(),
            })
        }
        Arguments::User(command) => Ok(command(user(word, rest)?)),
        Arguments::Id => match rest.trim().parse() {
            Ok(id) => Ok(Command::Cancel { id }),
            Err(_) => {
                Err(word.usage_error("the transfer must be a number; `transfers` lists them"))
            }
        },
        Arguments::Setting(parse) => Ok(Command::Set(parse(rest.trim())?)),
    }
}

/// Parses the users before the last field. Returns them and the unparsed last field.
fn recipients<'a>(
    word: &CommandSpec,
    cast: Cast,
    rest: &'a str,
) -> Result<(Recipients, &'a str), CommandError> {
    match cast {
        Cast::Broadcast => Ok((Recipients::Everyone, rest)),
        Cast::Unicast => {
            let (name, last) = split_bar(rest).ok_or_else(|| word.usage_error("missing field"))?;
            Ok((Recipients::One(user(word, name)?), last))
        }
        Cast::Multicast | Cast::Blockcast => {
            let at = bar_positions(rest)
                .last()
                .ok_or_else(|| word.usage_error("missing field"))?;
            let users = users(word, &rest[..at])?;
            let last = &rest[at + 1..];
            Ok((
                if cast == Cast::Multicast {
                    Recipients::Listed(users)
                } else {
                    Recipients::AllExcept(users)
                },
                last,
            ))
        }
    }
}

fn users(word: &CommandSpec, mut list: &str) -> Result<Vec<String>, CommandError> {
    let mut users = Vec::new();
    while let Some((name, rest)) = split_bar(list) {
        users.push(user(word, name)?);
        list = rest;
    }
    users.push(user(word, list)?);
    Ok(users)
}

fn user(word: &CommandSpec, field: &str) -> Result<String, CommandError> {
    let name = unescape(field.trim());
    if name.is_empty() {
        return Err(word.usage_error("missing user name"));
    }
    Ok(name)
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
