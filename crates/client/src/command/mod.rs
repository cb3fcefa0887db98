//! The commands that a user can enter.
//!
//! Fields are separated by bars. `\|` is a literal bar; a backslash before any other character is itself. If the number of
//! fields is fixed, the last field may contain unescaped bars: `mbroadcast|a|b` sends `a|b`. After a list of users, a bar in
//! the last field must be escaped. A path may be in double quotes, see `path`.

mod fields;
mod parse;
mod path;
mod table;
mod types;

#[cfg(test)]
mod tests;

pub(crate) use fields::bar_positions;
pub(crate) use parse::parse;
pub(crate) use path::write_path;
pub(crate) use table::{CommandSpec, commands, menu};
pub(crate) use types::{Command, Recipients};
