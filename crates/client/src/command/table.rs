//! The table of commands, which the parser, the menu and Tab completion share.

use std::fmt::Write as _;

use backroom_protocol::Cast;

use super::fields::Fields;
use super::types::{Command, CommandError};
use crate::settings::Setting;

pub(crate) struct CommandSpec {
    /// The name and the fields as the menu shows them, such as `municast|USER|TEXT`.
    pub(crate) syntax: &'static str,
    pub(super) parse: fn(&Fields) -> Result<Command, CommandError>,
}

impl CommandSpec {
    /// Finds the command with exactly this name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        commands().find(|spec| spec.name() == name)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.syntax.split('|').next().unwrap_or_default()
    }

    /// The syntax of the fields, such as `USER|TEXT`. `None` if the command takes none.
    pub(crate) fn fields(&self) -> Option<&'static str> {
        Some(self.syntax.split_once('|')?.1)
    }

    pub(crate) fn takes_users(&self) -> bool {
        self.syntax.contains("|USER")
    }

    /// Whether the last field is a path.
    pub(crate) fn takes_path(&self) -> bool {
        self.syntax.ends_with("|PATH")
    }

    /// Whether the last field is a message.
    pub(super) fn takes_text(&self) -> bool {
        self.syntax.ends_with("|TEXT")
    }

    pub(super) fn usage_error(&self, problem: &'static str) -> CommandError {
        let usage = self.syntax;
        CommandError::Usage { problem, usage }
    }
}

/// All commands, in the order of the menu.
pub(crate) fn commands() -> impl Iterator<Item = &'static CommandSpec> {
    let lines = SECTIONS.iter().flat_map(|(_, lines)| *lines);
    lines.flat_map(|commands| *commands)
}

/// The command most similar to `typed`, by Damerau-Levenshtein distance.
pub(super) fn nearest(typed: &str) -> &'static str {
    // Limits the work for long lines. No command is longer than this.
    let typed: String = typed.chars().take(64).collect::<String>().to_lowercase();
    commands()
        .map(CommandSpec::name)
        .min_by_key(|name| strsim::damerau_levenshtein(&typed, name))
        .unwrap_or("help")
}

const fn command(
    syntax: &'static str,
    parse: fn(&Fields) -> Result<Command, CommandError>,
) -> CommandSpec {
    CommandSpec { syntax, parse }
}

/// The sections of the menu: the title, and the commands of each line.
const SECTIONS: &[(&str, &[&[CommandSpec]])] = &[
    (
        "To get users currently connected.",
        &[&[command("getusers", |_| Ok(Command::Users))]],
    ),
    (
        "To send a message/file to all users. (Broadcast)",
        &[&[
            command("mbroadcast|TEXT", |f| f.text(Cast::Broadcast)),
            command("fbroadcast|PATH", |f| f.file(Cast::Broadcast)),
        ]],
    ),
    (
        "To send a message/file to a single user. (Unicast)",
        &[&[
            command("municast|USER|TEXT", |f| f.text(Cast::Unicast)),
            command("funicast|USER|PATH", |f| f.file(Cast::Unicast)),
        ]],
    ),
    (
        "To send a message/file to multiple users. (Multicast)",
        &[&[
            command("mmulticast|USER|USER...|TEXT", |f| f.text(Cast::Multicast)),
            command("fmulticast|USER|USER...|PATH", |f| f.file(Cast::Multicast)),
        ]],
    ),
    (
        "To send a message/file to all users except some. (Blockcast)",
        &[&[
            command("mblockcast|USER...|TEXT", |f| f.text(Cast::Blockcast)),
            command("fblockcast|USER...|PATH", |f| f.file(Cast::Blockcast)),
        ]],
    ),
    (
        "To kick a user out of the chatroom. (Needs at least 2 votes)",
        &[&[command("kick|USER", |f| {
            let user = f.only_user()?;
            Ok(Command::Kick { user })
        })]],
    ),
    (
        "To accept the changed identity of a user.",
        &[&[command("trust|USER", |f| {
            let user = f.only_user()?;
            Ok(Command::Trust { user })
        })]],
    ),
    (
        "To list the active transfers, and to cancel one.",
        &[&[
            command("transfers", |_| Ok(Command::Transfers)),
            command("cancel|ID", |f| {
                let id = f.only_transfer()?;
                Ok(Command::Cancel { id })
            }),
        ]],
    ),
    (
        "To change the settings for the next files.",
        &[
            &[
                command("window|auto or 128", |f| f.set(Setting::Window)),
                command("segment|BYTES", |f| f.set(Setting::Segment)),
            ],
            &[
                command("recovery|timeout or fast", |f| f.set(Setting::Recovery)),
                command("timeout|adaptive or 200ms", |f| f.set(Setting::Timeout)),
            ],
            &[command(
                "delivery|auto, ip-multicast, parallel or sequential",
                |f| f.set(Setting::Delivery),
            )],
            &[command("copies|1, 2, 3 or 4", |f| f.set(Setting::Copies))],
        ],
    ),
    (
        "To show this menu, and to leave.",
        &[&[
            command("help", |_| Ok(Command::Help)),
            command("exit", |_| Ok(Command::Exit)),
        ]],
    ),
];

/// The menu that `help` shows.
pub(crate) fn menu() -> String {
    let mut menu = String::new();
    for (number, (title, lines)) in (1..).zip(SECTIONS) {
        let _ = writeln!(menu, "{number}. {title}");
        for commands in *lines {
            for spec in *commands {
                let label = match spec {
                    _ if spec.takes_text() => "msg",
                    _ if spec.takes_path() => "file",
                    _ => "cmd",
                };
                let _ = write!(menu, "   {label}: {}", spec.syntax);
            }
            menu.push('\n');
        }
    }
    menu.push_str(
        "A line without a command is sent to everyone. To send a bar in a message, type \\|",
    );
    menu
}
