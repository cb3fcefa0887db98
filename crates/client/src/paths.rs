//! Expansion of `~` in paths.

use std::env;
use std::path::{Path, PathBuf};

/// Replaces a leading `~` by the home directory, as a shell does.
pub(crate) fn expand_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), env::var_os("HOME")) {
        (Ok(rest), Some(home)) => Path::new(&home).join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_leading_tilde_component_expands() {
        assert_eq!(expand_home(Path::new("a/~")), Path::new("a/~"));
        assert_eq!(expand_home(Path::new("~x/a")), Path::new("~x/a"));
        if let Some(home) = env::var_os("HOME") {
            assert_eq!(expand_home(Path::new("~/a")), Path::new(&home).join("a"));
        }
    }
}
