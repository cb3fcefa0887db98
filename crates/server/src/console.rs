//! The operator's console: a command a line on standard input, answers on standard output.

use std::fmt::Write as _;
use std::io::{self, BufRead, Read};
use std::str::FromStr;
use std::thread;
use std::time::Instant;

use backroom_protocol::{Name, NameError};
use thiserror::Error;
use tokio::sync::mpsc;
use tracing::warn;

use crate::room::Room;

/// The longest line that is read as one.
const MAX_LINE_BYTES: u64 = 4 * 1_024;

/// Lines read ahead.
const MAX_LINES: usize = 16;

const HELP: &str = "\
users      who is in the room, and from where
votes      who is to be put out, and by whom
kick NAME  put out a member against whom there are enough votes
exit       tell everyone and stop
help       this";

/// What the operator can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Users,
    Votes,
    Kick(Name),
    Exit,
    Help,
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum CommandError {
    #[error("there is no command {0:?}; the commands are\n{HELP}")]
    Unknown(String),
    #[error("kick whom? write: kick NAME")]
    NoName,
    #[error("{0} takes nothing after it")]
    TooMuch(&'static str),
    #[error(transparent)]
    BadName(#[from] NameError),
}

impl FromStr for Command {
    type Err = CommandError;

    fn from_str(line: &str) -> Result<Self, CommandError> {
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let alone = |word, command| match rest {
            "" => Ok(command),
            _ => Err(CommandError::TooMuch(word)),
        };
        match word {
            "users" => alone("users", Self::Users),
            "votes" => alone("votes", Self::Votes),
            "exit" => alone("exit", Self::Exit),
            "help" => alone("help", Self::Help),
            "kick" if rest.is_empty() => Err(CommandError::NoName),
            "kick" => Ok(Self::Kick(Name::new(rest.trim())?)),
            _ => Err(CommandError::Unknown(word.to_owned())),
        }
    }
}

impl Command {
    /// Does what is asked for, except for [`Command::Exit`], and returns the answer.
    pub(crate) fn execute(&self, room: &mut Room, now: Instant) -> String {
        match self {
            Self::Users => users(room),
            Self::Votes => votes(room),
            Self::Kick(name) => match room.kick(now, name) {
                Ok(()) => format!("{name} is put out"),
                Err(error) => error.to_string(),
            },
            Self::Exit => "Exiting application..Thank you:)".to_owned(),
            Self::Help => HELP.to_owned(),
        }
    }
}

fn users(room: &Room) -> String {
    let mut answer = String::new();
    for member in room.members() {
        // Writing to a string does not fail.
        let _ = writeln!(answer, "{:<32} {}", member.name, member.peer);
    }
    let _ = match room.members().count() {
        0 => write!(answer, "nobody is here"),
        1 => write!(answer, "1 member"),
        count => write!(answer, "{count} members"),
    };
    answer
}

fn votes(room: &Room) -> String {
    let needed = room.kick_votes();
    let tallies: Vec<String> = room
        .votes()
        .iter()
        .map(|(target, voters)| {
            let names: Vec<&str> = voters.iter().map(|name| name.as_str()).collect();
            format!(
                "{target}: {} of {needed}, by {}",
                voters.len(),
                names.join(", ")
            )
        })
        .collect();
    if tallies.is_empty() {
        "no votes".to_owned()
    } else {
        tallies.join("\n")
    }
}

/// The lines of standard input. The channel ends with the input, and the server goes on.
///
/// A thread of its own reads them: a blocked read can't be cancelled, and the program's end must
/// not wait for it.
///
/// # Errors
///
/// The thread can't be started.
pub fn lines() -> io::Result<mpsc::Receiver<String>> {
    let (lines, receiver) = mpsc::channel(MAX_LINES);
    let read = move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            match (&mut stdin)
                .take(MAX_LINE_BYTES)
                .read_until(b'\n', &mut line)
            {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    warn!("the console can't be read any more: {error}");
                    return;
                }
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("console".to_owned())
        .spawn(read)?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_understood_with_spaces_around_them() {
        for (line, command) in [
            ("users\n", Command::Users),
            ("  votes\r\n", Command::Votes),
            ("exit", Command::Exit),
            ("help ", Command::Help),
            ("kick Ann", Command::Kick(Name::new("Ann").unwrap())),
            (
                "kick  Old Tom\n",
                Command::Kick(Name::new("Old Tom").unwrap()),
            ),
        ] {
            assert_eq!(line.parse(), Ok(command), "{line:?}");
        }
    }

    #[test]
    fn anything_else_says_what_is_wrong() {
        let error = |line: &str| line.parse::<Command>().unwrap_err();
        assert_eq!(error("kick"), CommandError::NoName);
        assert_eq!(error("exit now"), CommandError::TooMuch("exit"));
        assert_eq!(error("ban Ann"), CommandError::Unknown("ban".to_owned()));
        assert!(matches!(error("kick a|b"), CommandError::BadName(_)));
    }
}
