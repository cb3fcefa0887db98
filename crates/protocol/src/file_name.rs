//! The name of a transferred file: a base name without a path.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::characters::{is_bidi_control, prefix_of};

/// The longest file name, in bytes of UTF-8: the common limit of 255, less what a receiver may append, such as ` (123)` or
/// `.part`.
pub const MAX_FILE_NAME_BYTES: usize = 255 - 32;

/// The name of a file if no part of its original name can be kept.
const FALLBACK_NAME: &str = "file";

/// A file's base name in NFC that is valid on every common file system and cannot leave a folder: no path separator, no
/// leading dot, no control or format character, no device name, at most [`MAX_FILE_NAME_BYTES`].
///
/// A receiver parses strictly with [`FileName::new`], also when decoding. A sender converts any name with
/// [`FileName::sanitized`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct FileName(String);

impl FileName {
    /// Applies NFC and checks all other rules.
    ///
    /// # Errors
    /// Returns the first rule that the name breaks.
    pub fn new(name: &str) -> Result<Self, FileNameError> {
        if name.len() > MAX_FILE_NAME_BYTES * 4 {
            return Err(FileNameError::TooLong);
        }
        let name: String = name.nfc().collect();
        if name.is_empty() {
            return Err(FileNameError::Empty);
        }
        if name.len() > MAX_FILE_NAME_BYTES {
            return Err(FileNameError::TooLong);
        }
        if let Some(c) = name.chars().find(|&c| is_separator(c)) {
            return Err(FileNameError::Separator(c));
        }
        if let Some(c) = name.chars().find(|&c| is_forbidden(c)) {
            return Err(FileNameError::Forbidden(c));
        }
        if name.starts_with('.') {
            return Err(FileNameError::LeadingDot);
        }
        if name.ends_with(['.', ' ']) || name.starts_with(' ') {
            return Err(FileNameError::Edges);
        }
        if is_reserved(&name) {
            return Err(FileNameError::Reserved);
        }
        Ok(Self(name))
    }

    /// Converts any text to a name: takes the part after the last separator, replaces forbidden characters by `_` and
    /// shortens the stem so that the extension remains.
    pub fn sanitized(name: &str) -> Self {
        let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let base: String = base.nfc().collect();
        let replaced = base.replace(|c| is_forbidden(c) || is_separator(c), "_");
        let mut kept = shortened(replaced.trim_matches(' ').trim_end_matches(['.', ' ']));
        if kept.starts_with('.') || is_reserved(&kept) {
            kept.insert(0, '_');
        }
        // `new` is the authority: a case that the steps above missed gets the fallback name.
        Self::new(&kept).unwrap_or_else(|_| Self(FALLBACK_NAME.to_owned()))
    }

    /// The name in NFC.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FileName {
    type Error = FileNameError;

    fn try_from(name: String) -> Result<Self, FileNameError> {
        Self::new(&name)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The rule that a file name breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileNameError {
    /// The name is empty.
    #[error("a file name cannot be empty")]
    Empty,
    /// The name exceeds [`MAX_FILE_NAME_BYTES`].
    #[error("a file name can have at most {MAX_FILE_NAME_BYTES} bytes")]
    TooLong,
    /// The name contains `/` or `\`, so it is a path.
    #[error("a file name cannot contain the path separator {0:?}")]
    Separator(char),
    /// The name contains an invisible character, or one that some file systems do not allow.
    #[error("a file name cannot contain {0:?}")]
    Forbidden(char),
    /// The name starts with a dot: a hidden file, `.` or `..`.
    #[error("a file name cannot start with a dot")]
    LeadingDot,
    /// The name starts with a space, or ends with a space or a dot.
    #[error("a file name cannot start with a space, or end with a space or a dot")]
    Edges,
    /// The name is that of a device on Windows, such as `CON` or `NUL.txt`.
    #[error("this file name is reserved for a device on Windows")]
    Reserved,
}

fn is_separator(c: char) -> bool {
    matches!(c, '/' | '\\')
}

/// Control and format characters, which hide or reorder displayed text; Unicode line ends; and the characters that Windows
/// does not allow or interprets, as in `name:stream`.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || is_bidi_control(c)
        || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')
        || matches!(
            c,
            '\u{ad}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{2028}'..='\u{2029}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// The device names of Windows, with or without an extension (Microsoft: "Naming Files, Paths, and Namespaces").
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    let stem = stem.trim_end().to_uppercase();
    let number = stem.strip_prefix("COM").or(stem.strip_prefix("LPT"));
    let is_digit = |c| matches!(c, '0'..='9' | '¹' | '²' | '³');
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str())
        || number.is_some_and(|number| number.chars().count() == 1 && number.contains(is_digit))
}

/// Shortens the stem and keeps the extension. The result leaves one byte for a leading `_`.
fn shortened(name: &str) -> String {
    const MAX: usize = MAX_FILE_NAME_BYTES - 1;
    const MAX_EXTENSION: usize = 32;
    if name.len() <= MAX {
        return name.to_owned();
    }
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= MAX_EXTENSION => name.split_at(dot),
        _ => (name, ""),
    };
    let stem = prefix_of(stem, MAX - extension.len());
    format!("{}{extension}", stem.trim_end_matches(['.', ' ']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_names_are_unchanged() {
        for name in [
            "a",
            "report.pdf",
            "holiday photo (2).jpeg",
            "данные.csv",
            "archive.tar.gz",
            "com10",
            "console.log",
            "a..b",
        ] {
            assert_eq!(FileName::new(name).unwrap().as_str(), name);
            assert_eq!(FileName::sanitized(name).as_str(), name);
        }
    }

    #[test]
    fn unsafe_names_are_rejected() {
        for (name, error) in [
            ("", FileNameError::Empty),
            ("../../etc/passwd", FileNameError::Separator('/')),
            ("..\\evil.exe", FileNameError::Separator('\\')),
            ("/etc/passwd", FileNameError::Separator('/')),
            ("C:evil", FileNameError::Forbidden(':')),
            ("a\0b", FileNameError::Forbidden('\0')),
            ("a\u{1b}[2Jb", FileNameError::Forbidden('\u{1b}')),
            ("gpj.\u{202e}exe", FileNameError::Forbidden('\u{202e}')),
            ("a\u{200b}", FileNameError::Forbidden('\u{200b}')),
            (".", FileNameError::LeadingDot),
            ("..", FileNameError::LeadingDot),
            (".profile", FileNameError::LeadingDot),
            ("name.", FileNameError::Edges),
            ("name ", FileNameError::Edges),
            (" name", FileNameError::Edges),
            ("CON", FileNameError::Reserved),
            ("nul.txt", FileNameError::Reserved),
            ("Com1.tar.gz", FileNameError::Reserved),
            ("lpt² .x", FileNameError::Reserved),
            (
                "x".repeat(MAX_FILE_NAME_BYTES + 1).as_str(),
                FileNameError::TooLong,
            ),
            ("é".repeat(100_000).as_str(), FileNameError::TooLong),
        ] {
            assert_eq!(FileName::new(name), Err(error), "{name:?}");
        }
    }

    #[test]
    fn sanitizing_accepts_any_text() {
        for (raw, name) in [
            ("/home/ada/report.pdf", "report.pdf"),
            ("..\\..\\evil.exe", "evil.exe"),
            (".profile", "_.profile"),
            ("nul.txt", "_nul.txt"),
            ("a:b?.txt", "a_b_.txt"),
            ("tab\there", "tab_here"),
            ("dots...", "dots"),
            ("..", "file"),
            ("a/", "file"),
            ("   ", "file"),
            ("", "file"),
        ] {
            assert_eq!(FileName::sanitized(raw).as_str(), name, "{raw:?}");
        }
    }

    #[test]
    fn a_long_name_is_shortened_before_its_extension() {
        let name = FileName::sanitized(&format!("{}.tar", "ä".repeat(300)));
        assert!(
            name.as_str().len() <= MAX_FILE_NAME_BYTES
                && name.as_str().len() > MAX_FILE_NAME_BYTES - 4
        );
        assert!(name.as_str().ends_with("ä.tar"));
    }

    proptest! {
        #[test]
        fn accepted_names_stay_in_their_folder(raw in any::<String>()) {
            for name in [Some(FileName::sanitized(&raw)), FileName::new(&raw).ok()].into_iter().flatten() {
                let path = std::path::Path::new(name.as_str());
                prop_assert_eq!(path.file_name(), Some(path.as_os_str()));
                prop_assert_eq!(&FileName::new(name.as_str()).unwrap(), &name);
                prop_assert!(name.as_str().len() <= MAX_FILE_NAME_BYTES);
            }
        }

        #[test]
        fn sanitized_hostile_names_are_valid(raw in "[./\\\\: \u{0}\u{202e}CONa]{0,12}") {
            let name = FileName::sanitized(&raw);
            prop_assert!(FileName::new(name.as_str()).is_ok());
        }
    }
}
