//! The source of the room's password.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use backroom_protocol::Password;
use backroom_protocol::password::MAX_PASSWORD_BYTES;

use crate::cli::Options;

/// The environment variable of the password.
const VARIABLE: &str = "BACKROOM_PASSWORD";

/// Returns the password from the argument, the file, the environment or the prompt, in this order.
pub(crate) fn find(options: &mut Options) -> anyhow::Result<Password> {
    let password = if let Some(password) = options.password.take() {
        let _ = writeln!(
            io::stderr(),
            "backroom-client: warning: the password is visible in the process list because it was given as an argument; \
             use {VARIABLE}, --password-file or the prompt instead"
        );
        password
    } else if let Some(path) = &options.password_file {
        first_line(path)
            .with_context(|| format!("cannot read the password from {}", path.display()))?
    } else if let Ok(password) = std::env::var(VARIABLE) {
        password
    } else {
        rpassword::prompt_password("Password: ").with_context(|| {
            format!("no password: set {VARIABLE}, use --password-file, or run this in a terminal")
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
