//! Commands, their recipients and their errors.

use std::path::PathBuf;

use backroom_protocol::Cast;

use crate::settings::{Setting, SettingError};

/// A parsed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// List the members of the room.
    Users,
    /// Send a message.
    Message {
        /// The recipients, not yet resolved to members.
        to: Recipients,
        /// The unescaped text, never empty.
        text: String,
    },
    /// Send a file.
    File {
        /// The recipients, not yet resolved to members.
        to: Recipients,
        /// The path as entered; `~` is not expanded.
        path: PathBuf,
    },
    /// Vote to remove a member.
    Kick {
        /// The name as entered.
        user: String,
    },
    /// Change a setting for the files that are sent from now on.
    Set(Setting),
    /// List the active transfers.
    Transfers,
    /// Cancel an incoming or outgoing transfer.
    Cancel {
        /// The number that `transfers` shows.
        id: u64,
    },
    /// Show the menu.
    Help,
    /// Leave the room.
    Exit,
}

/// The recipients of a message or a file, by the names as entered. Lists are never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// One member.
    One(String),
    /// These members.
    Listed(Vec<String>),
    /// All other members.
    Everyone,
    /// All other members except these.
    AllExcept(Vec<String>),
}

impl Recipients {
    /// The cast of a message to these recipients.
    #[must_use]
    pub fn cast(&self) -> Cast {
        match self {
            Self::One(_) => Cast::Unicast,
            Self::Listed(_) => Cast::Multicast,
            Self::Everyone => Cast::Broadcast,
            Self::AllExcept(_) => Cast::Blockcast,
        }
    }
}

/// A line is not a valid command. Nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The text before the first bar is not a command.
    #[error(
        "not sent: unknown command `{word}`; did you mean `{nearest}`? To send a bar in a message, type `\\|`"
    )]
    Unknown {
        /// The text before the bar, shortened.
        word: String,
        /// The most similar command.
        nearest: &'static str,
    },
    /// A command with a missing or an unexpected field.
    #[error("not sent: {problem}. Usage: `{usage}`")]
    Usage {
        /// The missing or unexpected field.
        problem: &'static str,
        /// The syntax of the command, as in the menu.
        usage: String,
    },
    /// The value of a setting is invalid.
    #[error(transparent)]
    Setting(#[from] SettingError),
}
