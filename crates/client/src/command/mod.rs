//! The grammar of a line: what a person types, parsed once into a [`Command`].
//!
//! Fields are separated by bars. `\|` is a literal bar anywhere, and a backslash before anything else is itself. Where
//! the number of fields is fixed the last one may contain bars as they are (`mbroadcast|a|b` says `a|b`); where users
//! are listed before it, a bar in it has to be written `\|`.

mod words;

use std::path::PathBuf;

use backroom_protocol::Cast;

use crate::settings::{Setting, SettingError};

pub use words::{WORDS, Word, menu, nearest};

use words::Arguments;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// List who is in the room.
    Users,
    /// Say `text`, which is never empty.
    Message {
        /// Who gets it.
        to: Recipients,
        /// What is said, with its bars.
        text: String,
    },
    /// Send the file at `path`.
    File {
        /// Who gets it.
        to: Recipients,
        /// As typed, `~` not expanded.
        path: PathBuf,
    },
    /// Vote to put `user` out.
    Kick {
        /// The name as typed.
        user: String,
    },
    /// Change how the next files are sent.
    Set(Setting),
    /// List the transfers under way.
    Transfers,
    /// End a transfer, in or out.
    Cancel {
        /// This client's number for it.
        id: u64,
    },
    /// Show the menu.
    Help,
    /// Leave the room.
    Exit,
}

/// Whom a message or a file is for, by the names as typed. Lists are never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// One member.
    Only(String),
    /// These members.
    Each(Vec<String>),
    /// All the others in the room.
    Everyone,
    /// All the others in the room but these.
    AllBut(Vec<String>),
}

impl Recipients {
    /// The cast that these recipients make.
    #[must_use]
    pub fn cast(&self) -> Cast {
        match self {
            Self::Only(_) => Cast::Unicast,
            Self::Each(_) => Cast::Multicast,
            Self::Everyone => Cast::Broadcast,
            Self::AllBut(_) => Cast::Blockcast,
        }
    }
}

/// Why a line is no command. Nothing of such a line is sent to anybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The text before the first bar is no command word.
    #[error(
        "`{word}` is no command, the nearest is `{nearest}`; nothing was sent. A bar in a message is typed as `\\|`"
    )]
    Unknown {
        /// What was typed before the bar, shortened.
        word: String,
        /// The command word most like it.
        nearest: &'static str,
    },
    /// A command word without what it needs, or with too much.
    #[error("{problem}; type `{usage}`. Nothing was sent")]
    Usage {
        /// What is wrong.
        problem: &'static str,
        /// The form of the command, as in the menu.
        usage: String,
    },
    /// A setting's value that it can't have.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

/// Parses one line, with or without its line ending. `None` for a blank line.
///
/// # Errors
/// [`CommandError`] says what to write instead.
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

/// Writes `field` so that [`parse`] reads it back: each bar becomes `\|`.
#[must_use]
pub fn escape(field: &str) -> String {
    field.replace('|', "\\|")
}

fn unescape(field: &str) -> String {
    field.replace("\\|", "|")
}

/// Splits at the first bar that no backslash precedes.
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
    if let Some(word) = Word::find(line.trim()) {
        return match word.arguments {
            Arguments::None(command) => Ok(command()),
            _ => Err(word.misused("something has to follow the command")),
        };
    }
    // `municast bob see you at nine` was meant for one: it must not go to everyone for want of a bar.
    let first = line.split_whitespace().next().and_then(Word::find);
    if let Some(word) = first.filter(|word| word.is_cast()) {
        return Err(word.misused("the fields of a command are separated by bars"));
    }
    Ok(Command::Message {
        to: Recipients::Everyone,
        text: unescape(line),
    })
}

fn parse_fields(typed: &str, rest: &str) -> Result<Command, CommandError> {
    let Some(word) = Word::find(typed) else {
        return Err(CommandError::Unknown {
            word: shorten(typed),
            nearest: nearest(typed),
        });
    };
    match word.arguments {
        Arguments::None(_) => Err(word.misused("nothing may follow this command")),
        Arguments::Message(cast) => {
            let (to, text) = recipients(word, cast, rest)?;
            let text = unescape(text);
            if text.trim().is_empty() {
                return Err(word.misused("the message is empty"));
            }
            Ok(Command::Message { to, text })
        }
        Arguments::File(cast) => {
            let (to, path) = recipients(word, cast, rest)?;
            let path = unescape(path.trim());
            if path.is_empty() {
                return Err(word.misused("the path of the file is missing"));
            }
            Ok(Command::File {
                to,
                path: path.into(),
            })
        }
        Arguments::User => Ok(Command::Kick {
            user: user(word, rest)?,
        }),
        Arguments::Id => match rest.trim().parse() {
            Ok(id) => Ok(Command::Cancel { id }),
            Err(_) => {
                Err(word.misused("a transfer is named by its number, which `transfers` shows"))
            }
        },
        Arguments::Setting(parse) => Ok(Command::Set(parse(rest.trim())?)),
    }
}

/// Reads the users before the last field, and gives that field as it stands.
fn recipients<'a>(
    word: &Word,
    cast: Cast,
    rest: &'a str,
) -> Result<(Recipients, &'a str), CommandError> {
    match cast {
        Cast::Broadcast => Ok((Recipients::Everyone, rest)),
        Cast::Unicast => {
            let (name, last) = split_bar(rest).ok_or_else(|| word.misused("a field is missing"))?;
            Ok((Recipients::Only(user(word, name)?), last))
        }
        Cast::Multicast | Cast::Blockcast => {
            let at = bar_positions(rest)
                .last()
                .ok_or_else(|| word.misused("a field is missing"))?;
            let users = users(word, &rest[..at])?;
            let last = &rest[at + 1..];
            Ok((
                if cast == Cast::Multicast {
                    Recipients::Each(users)
                } else {
                    Recipients::AllBut(users)
                },
                last,
            ))
        }
    }
}

fn users(word: &Word, mut list: &str) -> Result<Vec<String>, CommandError> {
    let mut users = Vec::new();
    while let Some((name, rest)) = split_bar(list) {
        users.push(user(word, name)?);
        list = rest;
    }
    users.push(user(word, list)?);
    Ok(users)
}

fn user(word: &Word, field: &str) -> Result<String, CommandError> {
    let name = unescape(field.trim());
    if name.is_empty() {
        return Err(word.misused("a user's name is missing"));
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

#[cfg(test)]
mod tests;
