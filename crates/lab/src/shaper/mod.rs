//! The shaper: what a side container runs to shape a member's network, so that the programs under test stay as they
//! are and need no privilege.
//!
//! It shares the member's network namespace, alone has NET_ADMIN there, and is driven through stdin and stdout
//! ([`protocol`]). Only UDP is shaped, and TCP of a port where that is asked for. Two ways: `netem`, the kernel's emulator, and `nfqueue`, the simulator's
//! link model deciding packet by packet, for kernels without netem. What it put in place it takes away
//! when it is told to quit, at the end of its stdin, and on SIGINT and SIGTERM.

mod netem;
mod nfqueue;
mod probe;
pub mod protocol;
mod snmp;
mod tool;

use std::io::Write;

use anyhow::Context;
use clap::ValueEnum;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;

pub(crate) use probe::SMALL_PACKET_BYTES;
use protocol::{Availability, Command, Reply, ShaperConfig, ShaperStats, Support};

/// Arguments of the internal command `shaper`.
#[derive(Debug, clap::Args)]
pub struct ShaperArgs {
    /// What does the shaping.
    #[arg(long, value_enum, required_unless_present = "probe")]
    backend: Option<BackendKind>,
    /// The interface that is shaped; only netem has to know it.
    #[arg(long, default_value = "eth0")]
    interface: String,
    /// Only say, as a line of JSON, what this kernel can do.
    #[arg(long)]
    probe: bool,
}

/// What does the shaping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BackendKind {
    /// The kernel's network emulator, through `tc`.
    Netem,
    /// Verdicts from user space, through `iptables`.
    Nfqueue,
}

/// What keeps a network from being shaped.
#[derive(Debug, thiserror::Error)]
enum ShaperError {
    /// A tool is not there.
    #[error("can't run {program}: {source}; the project's image has it")]
    Start {
        program: &'static str,
        source: std::io::Error,
    },
    /// A tool did not do what it was asked.
    #[error("`{command}` failed: {said}")]
    Tool { command: String, said: String },
    /// A tool said something else than it should.
    #[error("can't read what `{command}` says: {reason}")]
    Unreadable {
        command: &'static str,
        reason: String,
    },
    /// The kernel's queue can't be used.
    #[error(
        "the kernel's packet queue can't be used: {0}; it takes NET_ADMIN and a kernel with nfnetlink_queue"
    )]
    Queue(std::io::Error),
    /// The path to another shaper can't be probed.
    #[error("can't probe the path: {0}")]
    Probe(std::io::Error),
    /// The thread that decides has ended.
    #[error("the shaper no longer decides about packets; its log says why")]
    Stopped,
    /// The link asks for something that this way of shaping can't do.
    #[error("{0}")]
    Unsupported(&'static str),
}

impl ShaperError {
    fn queue(error: impl Into<std::io::Error>) -> Self {
        Self::Queue(error.into())
    }
}

/// A way of shaping. Dropping it takes the shaping away.
trait Backend {
    /// Shapes as `config` says, and counts from zero.
    fn configure(&mut self, config: &ShaperConfig) -> Result<(), ShaperError>;

    /// What was seen since then.
    fn stats(&mut self) -> Result<ShaperStats, ShaperError>;
}

/// Serves the protocol on stdin and stdout until it is told to quit, or only probes.
///
/// # Errors
/// When this kernel can't shape as asked, or stdout is gone.
pub fn run(arguments: &ShaperArgs) -> anyhow::Result<()> {
    let backend: Box<dyn Backend> = match arguments.backend {
        _ if arguments.probe => return print(&support()),
        None => anyhow::bail!("say which --backend: netem or nfqueue"),
        Some(BackendKind::Netem) => Box::new(netem::Netem::start(&arguments.interface)?),
        Some(BackendKind::Nfqueue) => Box::new(nfqueue::Nfqueue::start()?),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(backend));
    // A read from stdin may never end; nobody waits for it.
    runtime.shutdown_background();
    served
}

async fn serve(mut backend: Box<dyn Backend>) -> anyhow::Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let _answering = AbortOnDropHandle::new(tokio::spawn(probe::answer()));
    print(&Reply::Ready)?;
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line.context("can't read commands")?,
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
            Err(error) => {
                print(&Reply::Error {
                    message: format!("not a command: {error}"),
                })?;
                continue;
            }
        };
        print(&reply.unwrap_or_else(|error| Reply::Error {
            message: error.to_string(),
        }))?;
    }
}

fn support() -> Support {
    Support {
        netem: Availability::from(netem::Netem::probe()),
        nfqueue: Availability::from(nfqueue::Nfqueue::probe()),
    }
}

fn print(message: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&line)?;
    Ok(stdout.flush()?)
}
