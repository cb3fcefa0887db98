//! The program: finds the password, runs the server and returns an exit code.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use backroom_process::{LineQueue, log, signals};
use backroom_protocol::handshake::ServerIdentity;
use backroom_protocol::{Password, StretchParams, StretchedPassword};
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

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
    let wants_colour = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = match log::start("info", wants_colour && io::stderr().is_terminal()) {
        Ok(log) => log,
        Err(error) => {
            let _ = writeln!(
                io::stderr(),
                "backroom-server: cannot start a thread: {error}"
            );
            return ExitCode::FAILURE;
        }
    };
    let exit = run_with(&mut options, &log);
    log.finish();
    exit
}

fn run_with(options: &mut Options, log: &LineQueue) -> ExitCode {
    let found =
        password::find(options).and_then(|password| Ok((password, identity::find(options)?)));
    let (error, exit) = match found {
        Ok((password, identity)) => match serve(options, password, identity) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (error, ExitCode::FAILURE),
        },
        Err(error) => (error, ExitCode::from(EXIT_USAGE)),
    };
    // The log may be switched off, so this goes directly into its queue.
    log.print(format!("backroom-server: {error:#}"));
    exit
}

fn serve(options: &Options, password: Password, identity: ServerIdentity) -> anyhow::Result<()> {
    // From here on, nothing needs the terminal: the server may run in the background, and it outlives the terminal.
    signals::run_in_background().context("cannot block the terminal's signals")?;
    signals::fail_beyond_file_size().context("cannot block the signal of the file size limit")?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            while hang_up.recv().await.is_some() {
                info!("the terminal was closed; the room stays open until SIGTERM");
            }
        });
        let stop = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        let stretched = StretchedPassword::stretch(&password, StretchParams::generate()?);
        drop(password);
        let server = Server::bind(options, stretched, identity).await?;
        server.run(console::lines()?, stop).await?;
        Ok(())
    })
}
