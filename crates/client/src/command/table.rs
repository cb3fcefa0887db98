//! The table of commands, which the parser, the menu and Tab completion share.

use std::fmt::Write as _;

use backroom_protocol::Cast;

use super::types::{Command, CommandError};
use crate::settings::{Setting, SettingError};

/// The name and the syntax of a command.
#[derive(Debug)]
pub struct CommandSpec {
    /// The text before the first bar.
    pub name: &'static str,
    /// The fields as the menu shows them, such as `|USER|TEXT`.
    pub fields: &'static str,
    pub(super) arguments: Arguments,
}

/// The kind of fields that a command takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arguments {
    None(fn() -> Command),
    Message(Cast),
    File(Cast),
    User(fn(String) -> Command),
    Id,
    Setting(fn(&str) -> Result<Setting, SettingError>),
}

impl CommandSpec {
    /// Finds the command with exactly this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        COMMANDS.iter().find(|word| word.name == name)
    }

    /// Whether the fields include user names.
    #[must_use]
    pub fn takes_users(&self) -> bool {
        match self.arguments {
            Arguments::Message(cast) | Arguments::File(cast) => cast != Cast::Broadcast,
            Arguments::User(_) => true,
            _ => false,
        }
    }

    /// Whether the last field is a path.
    #[must_use]
    pub fn takes_path(&self) -> bool {
        matches!(self.arguments, Arguments::File(_))
    }

    pub(super) fn is_cast(&self) -> bool {
        matches!(self.arguments, Arguments::Message(_) | Arguments::File(_))
    }

    pub(super) fn usage_error(&self, problem: &'static str) -> CommandError {
        CommandError::Usage {
            problem,
            usage: format!("{}{}", self.name, self.fields),
        }
    }
}

/// The command most similar to `typed`, by Damerau-Levenshtein distance.
#[must_use]
pub fn nearest(typed: &str) -> &'static str {
    // Limits the work for long lines. No command is longer than this.
    let typed: String = typed.chars().take(64).collect::<String>().to_lowercase();
    let distance = |word: &&CommandSpec| strsim::damerau_levenshtein(&typed, word.name);
    COMMANDS
        .iter()
        .min_by_key(distance)
        .map_or("help", |word| word.name)
}

const fn command(name: &'static str, fields: &'static str, arguments: Arguments) -> CommandSpec {
    CommandSpec {
        name,
        fields,
        arguments,
    }
}

/// All commands, in the order of the menu.
pub const COMMANDS: &[CommandSpec] = &[
    command("getusers", "", Arguments::None(|| Command::Users)),
    command("mbroadcast", "|TEXT", Arguments::Message(Cast::Broadcast)),
    command("fbroadcast", "|PATH", Arguments::File(Cast::Broadcast)),
    command("municast", "|USER|TEXT", Arguments::Message(Cast::Unicast)),
    command("funicast", "|USER|PATH", Arguments::File(Cast::Unicast)),
    command(
        "mmulticast",
        "|USER|USER...|TEXT",
        Arguments::Message(Cast::Multicast),
    ),
    command(
        "fmulticast",
        "|USER|USER...|PATH",
        Arguments::File(Cast::Multicast),
    ),
    command(
        "mblockcast",
        "|USER...|TEXT",
        Arguments::Message(Cast::Blockcast),
    ),
    command(
        "fblockcast",
        "|USER...|PATH",
        Arguments::File(Cast::Blockcast),
    ),
    command(
        "kick",
        "|USER",
        Arguments::User(|user| Command::Kick { user }),
    ),
    command("transfers", "", Arguments::None(|| Command::Transfers)),
    command("cancel", "|ID", Arguments::Id),
    command(
        "window",
        "|auto or 128",
        Arguments::Setting(Setting::window),
    ),
    command(
        "recovery",
        "|timeout or fast",
        Arguments::Setting(Setting::recovery),
    ),
    command(
        "timeout",
        "|adaptive or 200ms",
        Arguments::Setting(Setting::timeout),
    ),
    command(
        "copies",
        "|1, 2, 3 or 4",
        Arguments::Setting(Setting::copies),
    ),
    command(
        "delivery",
        "|auto, ip-multicast, parallel or sequential",
        Arguments::Setting(Setting::delivery),
    ),
    command("segment", "|BYTES", Arguments::Setting(Setting::segment)),
    command("help", "", Arguments::None(|| Command::Help)),
    command("exit", "", Arguments::None(|| Command::Exit)),
];

/// The commands on one line of the menu, as (label, name).
type MenuLine = &'static [(&'static str, &'static str)];

/// The sections of the menu, as (title, lines).
const SECTIONS: &[(&str, &[MenuLine])] = &[
    (
        "To get users currently connected.",
        &[&[("cmd", "getusers")]],
    ),
    (
        "To send a message/file to all users. (Broadcast)",
        &[&[("msg", "mbroadcast"), ("file", "fbroadcast")]],
    ),
    (
        "To send a message/file to a single user. (Unicast)",
        &[&[("msg", "municast"), ("file", "funicast")]],
    ),
    (
        "To send a message/file to multiple users. (Multicast)",
        &[&[("msg", "mmulticast"), ("file", "fmulticast")]],
    ),
    (
        "To send a message/file to all users except some. (Blockcast)",
        &[&[("msg", "mblockcast"), ("file", "fblockcast")]],
    ),
    (
        "To kick a user out of the chatroom. (Needs at least 2 votes)",
        &[&[("cmd", "kick")]],
    ),
    (
        "To list the active transfers, and to cancel one.",
        &[&[("cmd", "transfers"), ("cmd", "cancel")]],
    ),
    (
        "To change the settings for the next files.",
        &[
            &[("cmd", "window"), ("cmd", "segment")],
            &[("cmd", "recovery"), ("cmd", "timeout")],
            &[("cmd", "delivery")],
            &[("cmd", "copies")],
        ],
    ),
    (
        "To show this menu, and to leave.",
        &[&[("cmd", "help"), ("cmd", "exit")]],
    ),
];

/// The menu that `help` shows.
#[must_use]
pub fn menu() -> String {
    let mut menu = String::new();
    for (number, (title, lines)) in (1..).zip(SECTIONS) {
        let _ = writeln!(menu, "{number}. {title}");
        for commands in *lines {
            for (label, name) in *commands {
                let fields = CommandSpec::find(name).map_or("", |word| word.fields);
                let _ = write!(menu, "   {label}: {name}{fields}");
            }
            menu.push('\n');
        }
    }
    menu.push_str(
        "A line without a command is sent to everyone. To send a bar in a message, type \\|",
    );
    menu
}
