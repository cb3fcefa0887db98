//! The scenarios that come with the program.

/// Name and text of each, in the order in which they are listed.
const BUILTIN: [(&str, &str); 1] = [("window", include_str!("../../scenarios/window.toml"))];

/// Name and TOML text of every built-in scenario.
pub fn builtin() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUILTIN.into_iter()
}
