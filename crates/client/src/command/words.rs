//! The command words: one table that the parser, the menu and Tab completion share.

use std::fmt::Write as _;

use backroom_protocol::Cast;

use super::{Command, CommandError};
use crate::settings::{Setting, SettingError};

/// A command word.
#[derive(Debug)]
pub struct Word {
    /// What is typed before the first bar.
    pub name: &'static str,
    /// What follows, for people: `|USER|TEXT`.
    pub fields: &'static str,
    pub(super) arguments: Arguments,
}

/// What a word takes after its first bar.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arguments {
    None(fn() -> Command),
    Message(Cast),
    File(Cast),
    User,
    Id,
    Setting(fn(&str) -> Result<Setting, SettingError>),
}

impl Word {
    /// The command word that is exactly `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        WORDS.iter().find(|word| word.name == name)
    }

    /// Whether users' names follow the word.
    #[must_use]
    pub fn takes_users(&self) -> bool {
        match self.arguments {
            Arguments::Message(cast) | Arguments::File(cast) => cast != Cast::Broadcast,
            Arguments::User => true,
            _ => false,
        }
    }

    /// Whether the last field is the path of a file.
    #[must_use]
    pub fn takes_path(&self) -> bool {
        matches!(self.arguments, Arguments::File(_))
    }

    pub(super) fn is_cast(&self) -> bool {
        matches!(self.arguments, Arguments::Message(_) | Arguments::File(_))
    }

    pub(super) fn misused(&self, problem: &'static str) -> CommandError {
        CommandError::Usage {
            problem,
            usage: format!("{}{}", self.name, self.fields),
        }
    }
}

/// The command word most like `typed`, by Damerau-Levenshtein distance.
#[must_use]
pub fn nearest(typed: &str) -> &'static str {
    // Beyond any word's length more of it tells nothing.
    let typed: String = typed.chars().take(64).collect::<String>().to_lowercase();
    let distance = |word: &&Word| strsim::damerau_levenshtein(&typed, word.name);
    WORDS
        .iter()
        .min_by_key(distance)
        .map_or("help", |word| word.name)
}

const fn word(name: &'static str, fields: &'static str, arguments: Arguments) -> Word {
    Word {
        name,
        fields,
        arguments,
    }
}

/// Every command word, in the order of the menu.
pub const WORDS: &[Word] = &[
    word("getusers", "", Arguments::None(|| Command::Users)),
    word("mbroadcast", "|TEXT", Arguments::Message(Cast::Broadcast)),
    word("fbroadcast", "|PATH", Arguments::File(Cast::Broadcast)),
    word("municast", "|USER|TEXT", Arguments::Message(Cast::Unicast)),
    word("funicast", "|USER|PATH", Arguments::File(Cast::Unicast)),
    word(
        "mmulticast",
        "|USER|USER...|TEXT",
        Arguments::Message(Cast::Multicast),
    ),
    word(
        "fmulticast",
        "|USER|USER...|PATH",
        Arguments::File(Cast::Multicast),
    ),
    word(
        "mblockcast",
        "|USER...|TEXT",
        Arguments::Message(Cast::Blockcast),
    ),
    word(
        "fblockcast",
        "|USER...|PATH",
        Arguments::File(Cast::Blockcast),
    ),
    word("kick", "|USER", Arguments::User),
    word("transfers", "", Arguments::None(|| Command::Transfers)),
    word("cancel", "|ID", Arguments::Id),
    word(
        "window",
        "|auto or 128",
        Arguments::Setting(Setting::window),
    ),
    word(
        "recovery",
        "|timeout or fast",
        Arguments::Setting(Setting::recovery),
    ),
    word(
        "timeout",
        "|adaptive or 200ms",
        Arguments::Setting(Setting::timeout),
    ),
    word(
        "copies",
        "|1, 2, 3 or 4",
        Arguments::Setting(Setting::copies),
    ),
    word(
        "delivery",
        "|auto, ip-multicast, parallel or sequential",
        Arguments::Setting(Setting::delivery),
    ),
    word("segment", "|BYTES", Arguments::Setting(Setting::segment)),
    word("help", "", Arguments::None(|| Command::Help)),
    word("exit", "", Arguments::None(|| Command::Exit)),
];

/// Commands on one line of the menu, each with its label.
type MenuLine = &'static [(&'static str, &'static str)];

/// The menu's sections, each with its title.
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
        "To see the files under way, and to stop one.",
        &[&[("cmd", "transfers"), ("cmd", "cancel")]],
    ),
    (
        "To set how files are sent from now on.",
        &[
            &[("cmd", "window"), ("cmd", "segment")],
            &[("cmd", "recovery"), ("cmd", "timeout")],
            &[("cmd", "delivery")],
            &[("cmd", "copies")],
        ],
    ),
    (
        "To see this again, and to leave.",
        &[&[("cmd", "help"), ("cmd", "exit")]],
    ),
];

/// The menu that `help` shows, in lines.
#[must_use]
pub fn menu() -> String {
    let mut menu = String::new();
    for (number, (title, lines)) in (1..).zip(SECTIONS) {
        let _ = writeln!(menu, "{number}. {title}");
        for commands in *lines {
            for (label, name) in *commands {
                let fields = Word::find(name).map_or("", |word| word.fields);
                let _ = write!(menu, "   {label}: {name}{fields}");
            }
            menu.push('\n');
        }
    }
    menu.push_str("A line without a command goes to everyone. A bar in a message is typed as \\|");
    menu
}
