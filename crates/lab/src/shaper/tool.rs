//! Running the system's own tools: `iptables` and `tc`.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::ShaperError;

/// Runs `program` with `arguments` and returns its output.
///
/// # Errors
/// When it can't be started or does not succeed; the error carries what it said.
pub(super) fn run(program: &'static str, arguments: &[&str]) -> Result<String, ShaperError> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    succeeded(program, arguments, output)
}

/// Runs `program` with `arguments`, and `input` on its stdin.
///
/// # Errors
/// When it can't be started or does not succeed; the error carries what it said.
pub(super) fn run_with_input(
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
    succeeded(program, arguments, output)
}

fn succeeded(
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
        said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
