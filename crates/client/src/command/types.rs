//! Commands, their recipients and their errors.

use std::path::PathBuf;

use backroom_protocol::Cast;

use crate::settings::{Setting, SettingError};

/// A parsed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// List the members of the room.
    Users,
    /// Send a text, which is unescaped and not empty.
    Message { to: Recipients, text: String },
    /// Send a file. In the path, `~` is not expanded.
    File { to: Recipients, path: PathBuf },
    /// Vote to remove a member.
    Kick { user: String },
    /// Accept the identity that a member has now.
    Trust { user: String },
    /// Change a setting for the files that are sent from now on.
    Set(Setting),
    /// List the active transfers.
    Transfers,
    /// Cancel the transfer with this number, incoming or outgoing.
    Cancel { id: u64 },
    /// Show the menu.
    Help,
    /// Leave the room.
    Exit,
}

/// The recipients of a message or a file, not yet resolved to members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipients {
    pub(crate) cast: Cast,
    /// The names as entered. A blockcast goes to all others; a broadcast has no names.
    pub(crate) names: Vec<String>,
}

impl Recipients {
    pub(crate) const EVERYONE: Self = Self {
        cast: Cast::Broadcast,
        names: Vec::new(),
    };
}

/// A line is not a valid command. Nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(
        "not sent: unknown command `{word}`; did you mean `{nearest}`? To send a bar in a message, type `\\|`"
    )]
    Unknown {
        /// The text before the bar, shortened.
        word: String,
        nearest: &'static str,
    },
    /// A command with a missing or an unexpected field.
    #[error("not sent: {problem}. Usage: `{usage}`")]
    Usage {
        problem: &'static str,
        /// The syntax of the command, as in the menu.
        usage: &'static str,
    },
    #[error("not sent: only a path may contain bytes that are not UTF-8")]
    NotText,
    #[error(transparent)]
    Setting(#[from] SettingError),
}
