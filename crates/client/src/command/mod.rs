//! The commands that a user can enter.
//!
//! Fields are separated by bars. `\|` is a literal bar; a backslash before any other character is itself. If the number of
//! fields is fixed, the last field may contain unescaped bars: `mbroadcast|a|b` sends `a|b`. After a list of users, a bar in
//! the last field must be escaped.

mod fields;
mod parse;
mod table;
mod types;

#[cfg(test)]
mod tests;

pub(crate) use fields::{bar_positions, escape};
pub(crate) use parse::parse;
pub(crate) use table::{CommandSpec, commands, menu};
pub(crate) use types::{Command, Recipients};
