//! How a path is written in a command: as it is, or in double quotes with escapes for what a line can't contain.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Reads the path of a field. Spaces around it do not count, and `\|` is a bar. A path in double quotes is taken exactly, except
/// for its escapes: `\\`, `\"`, `\|`, `\n`, `\r`, `\t`, and `\x` with two hexadecimal digits for any byte.
///
/// # Errors
/// What is wrong with the quoted path.
pub(super) fn read_path(field: &[u8]) -> Result<PathBuf, &'static str> {
    let field = field.trim_ascii();
    let quoted = field
        .strip_prefix(b"\"")
        .and_then(|field| field.strip_suffix(b"\""));
    let Some(quoted) = quoted else {
        return Ok(path(unescape_bars(field)));
    };
    let path = path(unescape(quoted)?);
    // `~` in quotes is the name of a file, not the home directory.
    Ok(if path.starts_with("~") {
        Path::new(".").join(path)
    } else {
        path
    })
}

/// Writes a path so that [`read_path`] reads it, in quotes only if it must be.
pub(crate) fn write_path(path: &[u8]) -> String {
    let text = std::str::from_utf8(path).ok();
    let is_plain = |text: &&str| {
        let is_trimmed = text.as_bytes().trim_ascii().len() == text.len();
        is_trimmed && !text.starts_with('"') && !text.contains(char::is_control)
    };
    match text.filter(is_plain) {
        Some(text) => text.replace('|', "\\|"),
        None => quote(path),
    }
}

fn quote(path: &[u8]) -> String {
    let mut quoted = String::from("\"");
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' | '"' | '|' => quoted.extend(['\\', c]),
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '\t' => quoted.push_str("\\t"),
                c if c.is_control() => write_bytes(&mut quoted, c.encode_utf8(&mut [0; 4])),
                c => quoted.push(c),
            }
        }
        write_bytes(&mut quoted, chunk.invalid());
    }
    quoted.push('"');
    quoted
}

fn write_bytes(quoted: &mut String, bytes: impl AsRef<[u8]>) {
    for byte in bytes.as_ref() {
        let _ = write!(quoted, "\\x{byte:02x}");
    }
}

fn path(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

fn unescape_bars(mut field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    while let Some((&byte, rest)) = field.split_first() {
        field = rest;
        if byte == b'\\' && rest.starts_with(b"|") {
            continue;
        }
        bytes.push(byte);
    }
    bytes
}

fn unescape(mut quoted: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(quoted.len());
    while let Some((&byte, rest)) = quoted.split_first() {
        quoted = rest;
        if byte == b'"' {
            return Err("a double quote in a quoted path is written \\\"");
        }
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (unescaped, length) = match *quoted {
            [c @ (b'\\' | b'"' | b'|'), ..] => (c, 1),
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b't', ..] => (b'\t', 1),
            [b'x', high, low, ..] => (hex(high, low).ok_or(BAD_ESCAPE)?, 3),
            _ => return Err(BAD_ESCAPE),
        };
        bytes.push(unescaped);
        quoted = &quoted[length..];
    }
    Ok(bytes)
}

const BAD_ESCAPE: &str = "in a quoted path a backslash is written \\\\, and only \\\", \\|, \\n, \\r, \\t and \\xHH are other escapes";

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |c: u8| char::from(c).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use proptest::prelude::*;

    use super::*;

    fn read(field: &str) -> Vec<u8> {
        let path = read_path(field.as_bytes()).unwrap();
        path.as_os_str().as_bytes().to_owned()
    }

    #[test]
    fn a_path_without_quotes_is_taken_as_it_is_between_its_spaces() {
        for (field, path) in [
            (" my file.txt ", "my file.txt"),
            ("a\\|b", "a|b"),
            ("a|b", "a|b"),
            ("a\\\\|b", "a\\|b"),
            ("C:\\new\\x41", "C:\\new\\x41"),
            ("~/\"quoted\" file", "~/\"quoted\" file"),
            ("\"", "\""),
        ] {
            assert_eq!(read(field), path.as_bytes(), "{field}");
        }
    }

    #[test]
    fn a_quoted_path_can_have_every_name() {
        for (field, path) in [
            ("\" spaces \"", &b" spaces "[..]),
            (" \"two\\nlines\" ", b"two\nlines"),
            ("\"caf\\xe9\"", b"caf\xe9"),
            ("\"a\\|b|c\"", b"a|b|c"),
            ("\"\\\"\\\\\\t\\r\"", b"\"\\\t\r"),
            ("\"~/file\"", b"./~/file"),
            ("\"~x\"", b"~x"),
            ("\"\"", b""),
        ] {
            assert_eq!(read(field), path, "{field}");
        }
        for wrong in [r#""a\b""#, r#""\x4""#, r#""\xzz""#, r#""a"b""#, r#""a\""#] {
            assert!(read_path(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            path in prop::collection::vec(prop::sample::select(&b"a|\\\"~ \n\t\x1b\xc3\xa4\xff/"[..]), 1..12)
        ) {
            let written = write_path(&path);
            prop_assert!(!written.contains(char::is_control));
            let read = read_path(written.as_bytes()).unwrap();
            let from_home = Path::new(std::ffi::OsStr::from_bytes(&path)).starts_with("~");
            if !from_home {
                prop_assert_eq!(read.as_os_str().as_bytes(), &path[..]);
            }
        }
    }
}
