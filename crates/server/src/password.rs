//! The source of the room's password.

use std::env::{self, VarError};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use anyhow::{Context as _, bail};
use backroom_protocol::Password;
use backroom_protocol::password::MAX_PASSWORD_BYTES;
use tracing::warn;
use zeroize::Zeroizing;

use crate::options::Options;

/// The environment variable of the password.
const VARIABLE: &str = "BACKROOM_PASSWORD";

/// Returns the password from the first source that has one: the command line, the file, the environment, or a prompt
/// without echo.
pub(crate) fn find(options: &mut Options) -> anyhow::Result<Password> {
    let password = if let Some(argument) = options.password.take() {
        warn!(
            "the password is visible in the process list because it was given as an argument; \
             use {VARIABLE}, --password-file or the prompt instead"
        );
        argument
    } else if let Some(path) = &options.password_file {
        first_line(path)
            .with_context(|| format!("cannot read the password from {}", path.display()))?
    } else {
        match env::var(VARIABLE) {
            Ok(password) => password,
            Err(VarError::NotUnicode(_)) => bail!("{VARIABLE} is not valid UTF-8"),
            Err(VarError::NotPresent) if io::stdin().is_terminal() => {
                rpassword::prompt_password("Password of the room: ")
                    .context("cannot prompt for the password")?
            }
            Err(VarError::NotPresent) => bail!(
                "no password: set {VARIABLE}, use --password-file, or start the server in a terminal to be prompted"
            ),
        }
    };
    Ok(Password::new(password)?)
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

    use backroom_protocol::password::PasswordError;
    use clap::Parser as _;

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
        let arguments = ["room", "::1", "0", "--password-file", "/nowhere/password"];
        let error = find(&mut Options::parse_from(arguments)).unwrap_err();
        assert!(error.to_string().contains("/nowhere/password"), "{error}");
    }
}
