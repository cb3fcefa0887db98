//! The operator's console: reads commands from standard input, one a line, and replies on standard output.

use std::io::{self, BufRead, Read, StdinLock};
use std::os::fd::AsFd;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use backroom_process::stream;
use backroom_protocol::{Name, NameError};
use thiserror::Error;
use tokio::sync::mpsc;
use tracing::warn;

use crate::room::{Member, Room};

/// The longest line. A longer one is split.
const MAX_LINE_BYTES: u64 = 4 * 1_024;

/// The lines that are read ahead of their execution.
const MAX_LINES: usize = 16;

/// The interval at which a server in the background looks whether it may read from its terminal again.
const BACKGROUND_PAUSE: Duration = Duration::from_secs(1);

const HELP: &str = "\
users      list the members and their addresses
votes      list the open votes to remove a member
kick NAME  remove a member against whom there are enough votes
exit       notify the members and stop the server
help       show this list";

/// A command of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Users,
    Votes,
    Kick(Name),
    Exit,
    Help,
}

/// A line is not a command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum CommandError {
    #[error("unknown command {0:?}. Commands:\n{HELP}")]
    Unknown(String),
    #[error("usage: kick NAME")]
    MissingName,
    #[error("{0} takes no argument")]
    UnexpectedArgument(&'static str),
    #[error(transparent)]
    InvalidName(#[from] NameError),
}

impl FromStr for Command {
    type Err = CommandError;

    fn from_str(line: &str) -> Result<Self, CommandError> {
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let alone = |word, command| match rest {
            "" => Ok(command),
            _ => Err(CommandError::UnexpectedArgument(word)),
        };
        match word {
            "users" => alone("users", Self::Users),
            "votes" => alone("votes", Self::Votes),
            "exit" => alone("exit", Self::Exit),
            "help" => alone("help", Self::Help),
            "kick" if rest.is_empty() => Err(CommandError::MissingName),
            "kick" => Ok(Self::Kick(Name::new(rest.trim())?)),
            _ => Err(CommandError::Unknown(word.to_owned())),
        }
    }
}

impl Command {
    /// Executes the command and returns the reply. The caller carries out [`Command::Exit`].
    pub(crate) fn execute(&self, room: &mut Room, now: Instant) -> String {
        match self {
            Self::Users => users(room),
            Self::Votes => votes(room),
            Self::Kick(name) => match room.kick(now, name) {
                Ok(()) => format!("{name} was removed"),
                Err(error) => error.to_string(),
            },
            Self::Exit => "Exiting application..Thank you:)".to_owned(),
            Self::Help => HELP.to_owned(),
        }
    }
}

fn users(room: &Room) -> String {
    let line = |member: &Member| format!("{:<32} {}", member.name, member.peer);
    let mut lines: Vec<String> = room.members().map(line).collect();
    lines.push(match lines.len() {
        0 => "the room is empty".to_owned(),
        1 => "1 member".to_owned(),
        count => format!("{count} members"),
    });
    lines.join("\n")
}

fn votes(room: &Room) -> String {
    let needed = room.config.kick_votes;
    let line = |(target, voters): (&str, Vec<&str>)| {
        let (count, voters) = (voters.len(), voters.join(", "));
        format!("{target}: {count} of {needed}, by {voters}")
    };
    let lines: Vec<String> = room.votes().into_iter().map(line).collect();
    if lines.is_empty() {
        "no votes".to_owned()
    } else {
        lines.join("\n")
    }
}

/// The lines of standard input. The channel closes at the end of the input; the server continues.
///
/// A separate thread reads them, because a blocked read cannot be cancelled and the end of the program must not wait for
/// it.
pub(crate) fn lines() -> io::Result<mpsc::Receiver<String>> {
    let (lines, receiver) = mpsc::channel(MAX_LINES);
    let read = move || {
        let mut stdin = io::stdin().lock();
        loop {
            match next_line(&mut stdin) {
                Ok(Some(line)) => {
                    if lines.blocking_send(line).is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                // As after the end of the input, the server continues.
                Err(error) => return warn!("cannot read from the console any more: {error}"),
            }
        }
    };
    thread::Builder::new()
        .name("console".to_owned())
        .spawn(read)?;
    Ok(receiver)
}

/// The next line, or `None` at the end of the input.
fn next_line(stdin: &mut StdinLock<'_>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        let room = MAX_LINE_BYTES - line.len() as u64;
        match stdin.by_ref().take(room).read_until(b'\n', &mut line) {
            Ok(_) if line.is_empty() => return Ok(None),
            Ok(_) => return Ok(Some(String::from_utf8_lossy(&line).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stream::wait_readable(io::stdin().as_fd())?;
            }
            // Another program uses the terminal. It may be this server's turn again later.
            Err(_) if stream::is_in_background(io::stdin().as_fd()) => {
                thread::sleep(BACKGROUND_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_parse_with_surrounding_spaces() {
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
    fn invalid_commands_are_errors() {
        let error = |line: &str| line.parse::<Command>().unwrap_err();
        assert_eq!(error("kick"), CommandError::MissingName);
        assert_eq!(error("exit now"), CommandError::UnexpectedArgument("exit"));
        assert_eq!(error("ban Ann"), CommandError::Unknown("ban".to_owned()));
        assert!(matches!(error("kick a|b"), CommandError::InvalidName(_)));
    }
}
