//! Where the room's password comes from.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use backroom_protocol::Password;
use backroom_protocol::password::MAX_PASSWORD_BYTES;

use crate::cli::Options;

/// The environment variable that may hold the password.
pub const VARIABLE: &str = "BACKROOM_PASSWORD";

/// Takes the password from the argument, the file, the environment or the terminal, in this order.
///
/// # Errors
/// It is nowhere, or can't be a password; the message says what to do.
pub fn find(options: &mut Options) -> anyhow::Result<Password> {
    let password = if let Some(password) = options.password.take() {
        let _ = writeln!(
            io::stderr(),
            "backroom-client: a password given as an argument shows in the process list; \
             {VARIABLE}, --password-file and the prompt don't show it"
        );
        password
    } else if let Some(path) = &options.password_file {
        first_line(path)
            .with_context(|| format!("can't read a password from {}", path.display()))?
    } else if let Ok(password) = std::env::var(VARIABLE) {
        password
    } else {
        rpassword::prompt_password("Password: ").with_context(|| {
            format!("no password: set {VARIABLE}, use --password-file, or run it on a terminal")
        })?
    };
    Ok(Password::new(password)?)
}

fn first_line(path: &Path) -> anyhow::Result<String> {
    let mut line = String::new();
    BufReader::new(File::open(path)?)
        .take(MAX_PASSWORD_BYTES as u64 + 2)
        .read_line(&mut line)?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}
