//! The program: finds the password, runs the server and returns an exit code.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use backroom_protocol::handshake::ServerIdentity;
use backroom_protocol::{Password, StretchParams, StretchedPassword};
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::console;
use crate::identity;
use crate::options::Options;
use crate::password;
use crate::server::Server;

/// The exit code of a usage error, as in clap.
const EXIT_USAGE: u8 = 2;

/// Runs the program with the options of the command line. Writes the error that ends it to standard error.
pub fn run() -> ExitCode {
    let mut options = Options::parse();
    log_to_stderr();
    let found =
        password::find(&mut options).and_then(|password| Ok((password, identity::find(&options)?)));
    let (error, exit) = match found {
        Ok((password, identity)) => match run_with(&options, password, identity) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (error, ExitCode::FAILURE),
        },
        Err(error) => (error, ExitCode::from(EXIT_USAGE)),
    };
    // The log may be switched off, so this is written directly.
    let _ = writeln!(io::stderr(), "backroom-server: {error:#}");
    exit
}

fn run_with(options: &Options, password: Password, identity: ServerIdentity) -> anyhow::Result<()> {
    let stretched = StretchedPassword::stretch(&password, StretchParams::generate()?);
    drop(password);
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        let server = Server::bind(options, stretched, identity).await?;
        server.run(console::lines()?, stop).await?;
        Ok(())
    })
}

/// `RUST_LOG` sets the level; the default is `info`.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let wants_colour = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(wants_colour && io::stderr().is_terminal())
        .init();
}
