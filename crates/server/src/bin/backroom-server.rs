//! The program `backroom-server`: runs a room.

use std::env;
use std::io::{self, IsTerminal, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use backroom_protocol::{StretchParams, StretchedPassword};
use backroom_server::console;
use backroom_server::options::Options;
use backroom_server::password::{self, PasswordSourceError};
use backroom_server::server::Server;
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The exit code of a usage error, as in clap.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let options = Options::parse();
    log_to_stderr();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may be switched off, so this is written directly.
            let _ = writeln!(io::stderr(), "backroom-server: {error:#}");
            if error.is::<PasswordSourceError>() {
                ExitCode::from(EXIT_USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(mut options: Options) -> anyhow::Result<()> {
    let password = password::find(options.password.take(), options.password_file.as_deref())?;
    let stretched = StretchedPassword::stretch(&password, StretchParams::generate()?);
    drop(password);
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    runtime.block_on(serve(&options, stretched))
}

async fn serve(options: &Options, password: StretchedPassword) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let server = Server::bind(options.config(), password).await?;
    server.run(console::lines()?, stop).await?;
    Ok(())
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
