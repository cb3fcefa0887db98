//! Runs system tools such as `iptables` and `tc`.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::error::ShaperError;

/// Runs `program` with `arguments`, which spaces separate, and returns its stdout. An error includes its stderr.
pub(crate) fn run(program: &'static str, arguments: &str) -> Result<String, ShaperError> {
    run_with_input(program, arguments, "")
}

/// Like [`run`], with `input` as the program's stdin.
pub(crate) fn run_with_input(
    program: &'static str,
    arguments: &str,
    input: &str,
) -> Result<String, ShaperError> {
    let output = Command::new(program)
        .args(arguments.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input.as_bytes())?;
            }
            child.wait_with_output()
        })
        .map_err(|source| ShaperError::Start { program, source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(ShaperError::Tool {
        command: format!("{program} {arguments}"),
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
