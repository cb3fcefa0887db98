//! Where the room's password comes from.

use std::env::{self, VarError};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

use backroom_protocol::Password;
use backroom_protocol::password::{MAX_PASSWORD_BYTES, PasswordError};
use thiserror::Error;
use tracing::warn;
use zeroize::Zeroizing;

/// The variable that may hold the password.
const VARIABLE: &str = "BACKROOM_PASSWORD";

/// Why there is no password.
#[derive(Debug, Error)]
pub enum PasswordSourceError {
    /// It was given nowhere, and nobody can be asked.
    #[error(
        "the room needs a password: set {VARIABLE}, use --password-file, or start this on a terminal to be asked"
    )]
    Missing,
    /// The variable holds no text.
    #[error("{VARIABLE} is not UTF-8")]
    NotUnicode,
    /// The file can't be read.
    #[error("the password can't be read from {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        error: io::Error,
    },
    /// The prompt failed.
    #[error("the password can't be asked for")]
    Prompt(#[source] io::Error),
    /// What was given can't be a password.
    #[error(transparent)]
    Bad(#[from] PasswordError),
}

/// The password: from the command line, the file, the environment, or a prompt without echo, the
/// first of them that is there.
///
/// # Errors
///
/// None is there and standard input is no terminal, or the one that is there is unusable.
pub fn find(
    argument: Option<String>,
    file: Option<&Path>,
) -> Result<Password, PasswordSourceError> {
    if let Some(argument) = argument {
        warn!(
            "the password was given as an argument and shows in the process list: \
             {VARIABLE}, --password-file or the prompt keep it private"
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

/// The first line without its end. No more is read than can be a password.
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
    fn a_file_gives_its_first_line_as_it_is() {
        assert_eq!(line_of("se cret \n"), "se cret ");
        assert_eq!(line_of("secret\r\nmore\n"), "secret");
        assert_eq!(line_of("secret"), "secret");
        assert_eq!(line_of(""), "");
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        let line = line_of(&"x".repeat(1_000_000));
        assert!(line.len() <= MAX_PASSWORD_BYTES + 2);
        assert!(matches!(
            Password::new(line),
            Err(PasswordError::TooLong { .. })
        ));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = find(None, Some(Path::new("/nowhere/password"))).unwrap_err();
        assert!(error.to_string().contains("/nowhere/password"), "{error}");
    }
}
