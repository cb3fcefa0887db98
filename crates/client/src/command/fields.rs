//! The fields of a command: what follows the first bar.

use std::str::FromStr;

use backroom_protocol::Cast;

use super::path::read_path;
use super::types::{Command, CommandError, Recipients};
use crate::settings::{Setting, SettingError};

/// The fields that were entered for a command.
pub(super) struct Fields<'a> {
    /// The text after the first bar.
    pub(super) text: &'a [u8],
    /// The syntax of the command, for errors.
    pub(super) usage: &'static str,
}

impl<'a> Fields<'a> {
    pub(super) fn text(&self, cast: Cast) -> Result<Command, CommandError> {
        let (to, text) = self.recipients(cast)?;
        let text = unescape(utf8(text)?);
        if text.trim().is_empty() {
            return Err(self.error("the message is empty"));
        }
        Ok(Command::Message { to, text })
    }

    pub(super) fn file(&self, cast: Cast) -> Result<Command, CommandError> {
        let (to, path) = self.recipients(cast)?;
        let path = read_path(path).map_err(|problem| self.error(problem))?;
        if path.as_os_str().is_empty() {
            return Err(self.error("missing path"));
        }
        Ok(Command::File { to, path })
    }

    /// The name of a member, if that is the only field.
    pub(super) fn only_user(&self) -> Result<String, CommandError> {
        self.user(self.text)
    }

    /// The number of a transfer, if that is the only field.
    pub(super) fn only_transfer(&self) -> Result<u64, CommandError> {
        let number = utf8(self.text)?.trim().parse();
        number.map_err(|_| self.error("the transfer must be a number; `transfers` lists them"))
    }

    pub(super) fn set<T>(&self, setting: fn(T) -> Setting) -> Result<Command, CommandError>
    where
        T: FromStr,
        SettingError: From<T::Err>,
    {
        let value = utf8(self.text)?
            .trim()
            .parse()
            .map_err(SettingError::from)?;
        Ok(Command::Set(setting(value)))
    }

    /// The recipients, and the unparsed last field.
    fn recipients(&self, cast: Cast) -> Result<(Recipients, &'a [u8]), CommandError> {
        let mut bars = bar_positions(self.text);
        let last_of_users = match cast {
            Cast::Broadcast => return Ok((Recipients::EVERYONE, self.text)),
            Cast::Unicast => bars.next(),
            Cast::Multicast | Cast::Blockcast => bars.last(),
        };
        let end = last_of_users.ok_or_else(|| self.error("missing field"))?;
        let (mut names, mut users) = (Vec::new(), &self.text[..end]);
        while let Some((name, rest)) = split_bar(users) {
            names.push(self.user(name)?);
            users = rest;
        }
        names.push(self.user(users)?);
        Ok((Recipients { cast, names }, &self.text[end + 1..]))
    }

    fn user(&self, field: &[u8]) -> Result<String, CommandError> {
        let name = unescape(utf8(field)?.trim());
        if name.is_empty() {
            return Err(self.error("missing user name"));
        }
        Ok(name)
    }

    fn error(&self, problem: &'static str) -> CommandError {
        let usage = self.usage;
        CommandError::Usage { problem, usage }
    }
}

pub(crate) fn unescape(field: &str) -> String {
    field.replace("\\|", "|")
}

pub(super) fn utf8(field: &[u8]) -> Result<&str, CommandError> {
    str::from_utf8(field).map_err(|_| CommandError::NotText)
}

/// Splits at the first unescaped bar.
pub(super) fn split_bar(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bar_positions(text).next()?;
    Some((&text[..at], &text[at + 1..]))
}

/// The positions of the unescaped bars.
pub(crate) fn bar_positions(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    (0..text.len()).filter(|&at| text[at] == b'|' && !text[..at].ends_with(b"\\"))
}
