//! Further programs in a container that runs already.

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::StreamExt;

/// As much of each of its outputs is kept; no program that is run here says more.
const MAX_OUTPUT_BYTES: usize = 4 << 20;

/// What a program said before it ended.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// Its exit status; 0 where the engine does not know.
    pub(super) code: i64,
}

/// Runs `words` in `container` to their end, as `user` where one is given.
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
                LogOutput::StdErr { message } => keep(&mut stderr, &message),
                LogOutput::StdOut { message } => keep(&mut stdout, &message),
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

/// Starts `words` in `container`, where they run until it ends.
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

fn keep(kept: &mut Vec<u8>, piece: &[u8]) {
    let room = MAX_OUTPUT_BYTES - kept.len();
    kept.extend(piece.iter().take(room));
}
