//! Member names.

use std::fmt;
use std::str::FromStr;

use caseless::Caseless;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::characters::is_invisible;

/// The longest name, in characters (Unicode scalar values, after NFC).
pub const MAX_NAME_CHARS: usize = 32;

/// A member's name: 1 to [`MAX_NAME_CHARS`] visible characters in NFC. Single spaces inside are allowed. `|` and `\` are not,
/// because they are part of the command syntax.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// Applies NFC and checks all other rules.
    ///
    /// # Errors
    /// Returns the first rule that the name breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        // Checked first, so that a hostile length does not cost much normalisation.
        if name.len() > MAX_NAME_CHARS * 16 {
            return Err(NameError::TooLong);
        }
        let name: String = name.nfc().collect();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.chars().count() > MAX_NAME_CHARS {
            return Err(NameError::TooLong);
        }
        if let Some(c) = name.chars().find(|c| matches!(c, '|' | '\\')) {
            return Err(NameError::Reserved(c));
        }
        if let Some(c) = name.chars().find(|&c| c != ' ' && is_invisible(c)) {
            return Err(NameError::Invisible(c));
        }
        if name.starts_with(' ') || name.ends_with(' ') || name.contains("  ") {
            return Err(NameError::Spaces);
        }
        if name.starts_with(is_combining_mark) {
            return Err(NameError::CombiningStart);
        }
        Ok(Self(name))
    }

    /// The key for comparing names: two members of a room may not have names with the same fold. It is the compatibility
    /// caseless match of Unicode 3.13, D146, which equates `Straße`, `STRASSE` and full-width letters.
    pub fn fold(&self) -> String {
        self.0
            .chars()
            .nfd()
            .default_case_fold()
            .nfkd()
            .default_case_fold()
            .nfkd()
            .collect()
    }

    /// Appends a number and shortens the name as needed. The server suggests the result if the name is taken.
    pub fn numbered(&self, number: u32) -> Self {
        let suffix = number.to_string();
        let kept: String = self.0.chars().take(MAX_NAME_CHARS - suffix.len()).collect();
        Self(format!("{}{suffix}", kept.trim_end()))
    }

    /// The name in NFC.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        Self::new(&name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The rule that a member's name breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// The name has more than [`MAX_NAME_CHARS`] characters.
    #[error("a name can have at most {MAX_NAME_CHARS} characters")]
    TooLong,
    /// The name contains `|` or `\`.
    #[error("a name cannot contain {0:?}, which is part of the command syntax")]
    Reserved(char),
    /// The name contains an invisible character.
    #[error("a name cannot contain the invisible character {0:?}")]
    Invisible(char),
    /// The name starts or ends with a space, or contains two consecutive spaces.
    #[error("a name can contain only single spaces between other characters")]
    Spaces,
    /// The name starts with a combining mark, such as an accent, which has no base character.
    #[error("a name cannot start with a combining mark")]
    CombiningStart,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn visible_names_of_1_to_32_characters_are_accepted() {
        for name in [
            "a",
            "Ada",
            "Old Tom",
            "Åsa",
            "名前",
            "👩",
            "x".repeat(32).as_str(),
            "é".repeat(32).as_str(),
        ] {
            assert_eq!(Name::new(name).unwrap().as_str(), name);
        }
        assert_eq!(
            Name::new("e\u{301}").unwrap().as_str(),
            "é",
            "names are kept in NFC"
        );
    }

    #[test]
    fn other_names_are_rejected_with_the_reason() {
        for (name, error) in [
            ("", NameError::Empty),
            ("x".repeat(33).as_str(), NameError::TooLong),
            ("x".repeat(100_000).as_str(), NameError::TooLong),
            ("a|b", NameError::Reserved('|')),
            ("a\\", NameError::Reserved('\\')),
            ("a\nb", NameError::Invisible('\n')),
            ("a\u{1b}[31m", NameError::Invisible('\u{1b}')),
            ("a\u{200b}", NameError::Invisible('\u{200b}')),
            ("a\u{202e}b", NameError::Invisible('\u{202e}')),
            ("\u{a0}", NameError::Invisible('\u{a0}')),
            ("\u{3164}", NameError::Invisible('\u{3164}')),
            ("\u{e000}", NameError::Invisible('\u{e000}')),
            (" a", NameError::Spaces),
            ("a ", NameError::Spaces),
            ("a  b", NameError::Spaces),
            ("\u{301}a", NameError::CombiningStart),
        ] {
            assert_eq!(Name::new(name), Err(error), "{name:?}");
        }
    }

    #[test]
    fn similar_names_have_the_same_fold() {
        for (a, b) in [
            ("Ada", "aDA"),
            ("Straße", "STRASSE"),
            ("Ａｄａ", "ada"),
            ("Å", "a\u{30a}"),
            ("ﬁn", "FIN"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ] {
            assert_eq!(
                Name::new(a).unwrap().fold(),
                Name::new(b).unwrap().fold(),
                "{a} {b}"
            );
        }
        assert_ne!(
            Name::new("Ada").unwrap().fold(),
            Name::new("Adá").unwrap().fold()
        );
    }

    #[test]
    fn a_numbered_name_is_valid() {
        assert_eq!(Name::new("Ada").unwrap().numbered(2).as_str(), "Ada2");
        assert_eq!(
            Name::new(&"x".repeat(32)).unwrap().numbered(10).as_str(),
            format!("{}10", "x".repeat(30))
        );
        let spaced = Name::new(&format!("{} y", "x".repeat(30))).unwrap();
        assert_eq!(spaced.numbered(7).as_str(), format!("{}7", "x".repeat(30)));
    }

    proptest! {
        #[test]
        fn accepted_names_are_stable(text in "\\PC{0,34}") {
            if let Ok(name) = Name::new(&text) {
                prop_assert_eq!(&Name::new(name.as_str()).unwrap(), &name);
                prop_assert!(name.as_str().chars().count() <= MAX_NAME_CHARS);
                prop_assert!(Name::new(name.numbered(u32::MAX).as_str()).is_ok());
            }
        }
    }
}
