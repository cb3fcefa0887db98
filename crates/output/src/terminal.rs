//! Standard output and error.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

/// Writes a line to standard error. If standard error is closed or full, the line is lost, because work must not end when
/// nobody reads what it reports.
pub fn note(line: impl Display) {
    let line = format!("{line}\n");
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Writes `text` to standard output. A broken pipe is not an error: a reader such as `head` may stop early.
///
/// # Errors
/// If standard output cannot be written, for example because a disk is full.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| {
            let message = format!("cannot write to standard output: {error}");
            io::Error::new(error.kind(), message)
        }),
    }
}

/// Prints the paths of `files` in `folder`, one on a line.
///
/// # Errors
/// As [`print()`].
pub fn print_paths<'a>(folder: &Path, files: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    let paths = files.into_iter().map(|file| folder.join(file));
    let lines: String = paths.map(|path| format!("{}\n", path.display())).collect();
    print(&lines)
}

/// Parses the arguments of this process. If there is nothing to do but to print the help, the version or an error, prints
/// it and returns the exit status.
///
/// # Errors
/// The exit status: 0 after help or version, 1 if these cannot be written, 2 if the arguments are wrong.
pub fn parse<A: Parser>() -> Result<A, ExitCode> {
    A::try_parse().map_err(|message| {
        let printed = message.print().and_then(|()| io::stdout().flush());
        if message.use_stderr() {
            return ExitCode::from(2);
        }
        match printed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                note(format!("error: cannot write to standard output: {error}"));
                ExitCode::FAILURE
            }
            _ => ExitCode::SUCCESS,
        }
    })
}
