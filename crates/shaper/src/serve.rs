//! Serving the lab's commands on stdin and stdout.

use std::io::Write;

use anyhow::Context;
use clap::ValueEnum;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;

use crate::backend::Backend;
use crate::error::ShaperError;
use crate::netem::Netem;
use crate::nfqueue::Nfqueue;
use crate::probe;
use crate::protocol::{Command, Reply, Support};

/// Arguments of the shaper.
#[derive(Debug, clap::Parser)]
pub struct ShaperArgs {
    /// How to shape.
    #[arg(long, value_enum, required_unless_present = "probe")]
    backend: Option<BackendKind>,
    /// The interface to shape. Only netem uses it.
    #[arg(long, default_value = "eth0")]
    interface: String,
    /// Print which backends work here as a line of JSON, then exit.
    #[arg(long)]
    probe: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BackendKind {
    /// The kernel's network emulator, through `tc`.
    Netem,
    /// Verdicts from user space, through `iptables`.
    Nfqueue,
}

/// Serves the protocol on stdin and stdout until `quit`, end of input, SIGINT or SIGTERM. With `--probe`, only prints
/// [`Support`]. The program's log must not go to stdout, which belongs to the protocol.
///
/// # Errors
/// If the backend does not work here, or stdout is closed.
pub fn run(arguments: &ShaperArgs) -> anyhow::Result<()> {
    let backend: Box<dyn Backend> = match arguments.backend {
        _ if arguments.probe => {
            return print(&Support {
                netem: Netem::probe().into(),
                nfqueue: Nfqueue::probe().into(),
            });
        }
        None => anyhow::bail!("missing --backend: netem or nfqueue"),
        Some(BackendKind::Netem) => Box::new(Netem::start(&arguments.interface)?),
        Some(BackendKind::Nfqueue) => Box::new(Nfqueue::start()?),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(backend));
    // A blocking read from stdin may never return, so do not wait for it.
    runtime.shutdown_background();
    served
}

async fn serve(mut backend: Box<dyn Backend>) -> anyhow::Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let _responder = AbortOnDropHandle::new(tokio::spawn(probe::respond()));
    print(&Reply::Ready)?;
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line.context("cannot read commands")?,
            _ = interrupted.recv() => None,
            _ = terminated.recv() => None,
        };
        let Some(line) = line else { return Ok(()) };
        let reply = match serde_json::from_str(&line) {
            Ok(Command::Configure(config)) => {
                backend.configure(&config).map(|()| Reply::Configured)
            }
            Ok(Command::Stats) => backend.stats().map(|stats| Reply::Stats(Box::new(stats))),
            Ok(Command::Probe(path)) => probe::probe(&path)
                .await
                .map(Reply::Probed)
                .map_err(ShaperError::Probe),
            Ok(Command::Quit) => {
                drop(backend);
                return print(&Reply::Closed);
            }
            Err(error) => Ok(Reply::Error {
                message: format!("invalid command: {error}"),
            }),
        };
        print(&reply.unwrap_or_else(|error| Reply::Error {
            message: error.to_string(),
        }))?;
    }
}

fn print(message: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&line)?;
    Ok(stdout.flush()?)
}
