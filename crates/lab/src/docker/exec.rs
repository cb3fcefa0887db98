//! Runs additional programs in a running container.

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::StreamExt;

/// Longer output is truncated. No program that is run here prints that much.
const MAX_OUTPUT_BYTES: usize = 4 << 20;

/// The output of a program.
#[derive(Debug)]
pub struct Output {
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
    /// Its exit status. 0 if the engine does not report one.
    pub code: i64,
}

/// Runs the command `words` in `container` and waits until it ends. Without `user`, it runs as the container's user.
pub(super) async fn run(
    docker: &Docker,
    container: &str,
    user: Option<&str>,
    words: &[impl AsRef<str>],
) -> Result<Output, bollard::errors::Error> {
    let config = ExecConfig {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..config(user, words)
    };
    let exec = docker.create_exec(container, config).await?.id;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    if let StartExecResults::Attached { mut output, .. } =
        docker.start_exec(&exec, None::<StartExecOptions>).await?
    {
        // The stream ends with the command.
        while let Some(Ok(chunk)) = output.next().await {
            match chunk {
                LogOutput::StdErr { message } => append(&mut stderr, &message),
                LogOutput::StdOut { message } => append(&mut stdout, &message),
                LogOutput::StdIn { .. } | LogOutput::Console { .. } => {}
            }
        }
    }
    Ok(Output {
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
        code: docker.inspect_exec(&exec).await?.exit_code.unwrap_or(0),
    })
}

/// Starts the command `words` in `container` and does not wait for it.
pub(super) async fn start(
    docker: &Docker,
    container: &str,
    user: Option<&str>,
    words: &[impl AsRef<str>],
) -> Result<(), bollard::errors::Error> {
    let exec = docker.create_exec(container, config(user, words)).await?.id;
    let detached = StartExecOptions {
        detach: true,
        ..StartExecOptions::default()
    };
    docker.start_exec(&exec, Some(detached)).await.map(drop)
}

fn config(user: Option<&str>, words: &[impl AsRef<str>]) -> ExecConfig {
    let words = words.iter().map(|word| word.as_ref().to_owned());
    ExecConfig {
        cmd: Some(words.collect()),
        user: user.map(str::to_owned),
        ..ExecConfig::default()
    }
}

fn append(output: &mut Vec<u8>, chunk: &[u8]) {
    let room = MAX_OUTPUT_BYTES - output.len();
    output.extend(chunk.iter().take(room));
}
