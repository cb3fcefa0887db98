//! The source of the room's password.

use std::env::{self, VarError};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

use backroom_protocol::Password;
use backroom_protocol::password::{MAX_PASSWORD_BYTES, PasswordError};
use thiserror::Error;
use tracing::warn;
use zeroize::Zeroizing;

/// The environment variable of the password.
const VARIABLE: &str = "BACKROOM_PASSWORD";

/// There is no usable password.
#[derive(Debug, Error)]
pub enum PasswordSourceError {
    /// No source has a password, and standard input is not a terminal.
    #[error(
        "no password: set {VARIABLE}, use --password-file, or start the server in a terminal to be prompted"
    )]
    Missing,
    /// The environment variable is not UTF-8.
    #[error("{VARIABLE} is not valid UTF-8")]
    NotUnicode,
    /// The file cannot be read.
    #[error("cannot read the password from {}", path.display())]
    File {
        /// The path that was given.
        path: PathBuf,
        /// The error of opening or reading it.
        #[source]
        error: io::Error,
    },
    /// The prompt failed.
    #[error("cannot prompt for the password")]
    Prompt(#[source] io::Error),
    /// The password is empty or too long.
    #[error(transparent)]
    Bad(#[from] PasswordError),
}

/// Returns the password from the first source that has one: the command line, the file, the environment, or a prompt
/// without echo.
///
/// # Errors
///
/// No source has a password and standard input is not a terminal, or the password is invalid.
pub fn find(
    argument: Option<String>,
    file: Option<&Path>,
) -> Result<Password, PasswordSourceError> {
    if let Some(argument) = argument {
        warn!(
            "the password is visible in the process list because it was given as an argument; \
             use {VARIABLE}, --password-file or the prompt instead"
        );
        return Ok(Password::new(argument)?);
    }
    if let Some(path) = file {
        let path = path.to_owned();
        let line = first_line(&path).map_err(|error| PasswordSourceError::File { path, error })?;
        return Ok(Password::new(line)?);
    }
    match env::var(VARIABLE) {
        Ok(password) => return Ok(Password::new(password)?),
        Err(VarError::NotUnicode(_)) => return Err(PasswordSourceError::NotUnicode),
        Err(VarError::NotPresent) => {}
    }
    if !io::stdin().is_terminal() {
        return Err(PasswordSourceError::Missing);
    }
    let answer = rpassword::prompt_password("Password of the room: ");
    Ok(Password::new(answer.map_err(PasswordSourceError::Prompt)?)?)
}

/// Returns the first line without its line ending. Reads at most as much as a password can have.
fn first_line(path: &Path) -> io::Result<String> {
    let longest = MAX_PASSWORD_BYTES as u64 + 2;
    let mut line = Zeroizing::new(String::new());
    BufReader::new(File::open(path)?.take(longest)).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn line_of(content: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, content).unwrap();
        first_line(&path).unwrap()
    }

    #[test]
    fn the_password_is_the_first_line_of_the_file() {
        assert_eq!(line_of("se cret \n"), "se cret ");
        assert_eq!(line_of("secret\r\nmore\n"), "secret");
        assert_eq!(line_of("secret"), "secret");
        assert_eq!(line_of(""), "");
    }

    #[test]
    fn only_the_start_of_a_large_file_is_read() {
        let line = line_of(&"x".repeat(1_000_000));
        assert!(line.len() <= MAX_PASSWORD_BYTES + 2);
        assert!(matches!(
            Password::new(line),
            Err(PasswordError::TooLong { .. })
        ));
    }

    #[test]
    fn the_error_names_a_missing_file() {
        let error = find(None, Some(Path::new("/nowhere/password"))).unwrap_err();
        assert!(error.to_string().contains("/nowhere/password"), "{error}");
    }
}
