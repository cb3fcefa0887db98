//! Runs system tools such as `iptables` and `tc`.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::error::ShaperError;

/// Runs `program` with `arguments` and returns its stdout.
///
/// # Errors
/// If it cannot be started or fails. The error includes its stderr.
pub(crate) fn run(program: &'static str, arguments: &[&str]) -> Result<String, ShaperError> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    stdout_of(program, arguments, output)
}

/// Runs `program` with `arguments` and with `input` as its stdin.
///
/// # Errors
/// If it cannot be started or fails. The error includes its stderr.
pub(crate) fn run_with_input(
    program: &'static str,
    arguments: &[&str],
    input: &str,
) -> Result<String, ShaperError> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input.as_bytes())?;
            }
            child.wait_with_output()
        });
    stdout_of(program, arguments, output)
}

fn stdout_of(
    program: &'static str,
    arguments: &[&str],
    output: std::io::Result<Output>,
) -> Result<String, ShaperError> {
    let output = output.map_err(|source| ShaperError::Start { program, source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(ShaperError::Tool {
        command: format!("{program} {}", arguments.join(" ")),
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
