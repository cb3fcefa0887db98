//! The state folder.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use etcetera::base_strategy::{BaseStrategy as _, Xdg};

/// The longest name of a file in bytes, with space for the suffix of a temporary file.
const MAX_FILE_NAME_BYTES: usize = 200;

/// The state folder: `$XDG_STATE_HOME/backroom` or `~/.local/state/backroom`. `None` without a home directory. It may not
/// exist yet.
pub fn folder() -> Option<PathBuf> {
    Some(Xdg::new().ok()?.state_dir()?.join("backroom"))
}

/// A file name for a text, such as a member's name. Different texts give different file names, up to a length of some 200
/// bytes.
pub fn file_name(text: &str) -> String {
    let mut name = String::new();
    for character in text.chars() {
        let escaped = match character {
            '.' | '/' | '%' | '\\' | '\0'..='\u{1f}' => format!("%{:02x}", u32::from(character)),
            character => character.to_string(),
        };
        if name.len() + escaped.len() > MAX_FILE_NAME_BYTES {
            break;
        }
        name.push_str(&escaped);
    }
    name
}

/// Whether an error means that there is no such file, or that this user cannot see whether there is one.
pub(crate) fn is_absent(path: &Path, error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => true,
        io::ErrorKind::PermissionDenied => path.symlink_metadata().is_err(),
        _ => false,
    }
}

/// Creates a folder that only this user can enter, and its parents, if they are missing.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_distinct_base_names() {
        for (text, name) in [
            ("ada", "ada"),
            ("zoë w", "zoë w"),
            ("..", "%2e%2e"),
            ("a/b", "a%2fb"),
            ("a%2fb", "a%252fb"),
        ] {
            assert_eq!(file_name(text), name);
        }
        assert!(file_name(&"名".repeat(1_000)).len() <= MAX_FILE_NAME_BYTES);
    }
}
