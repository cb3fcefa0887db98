//! The program `backroom-client`: a member of a room, used in a terminal or by another program.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use backroom_client::app;
use backroom_client::cli::Options;
use clap::Parser as _;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let options = Options::parse();
    // On a terminal, a log line would disrupt the line editor. RUST_LOG can still enable the log.
    let default_level = if io::stdout().is_terminal() {
        "off"
    } else {
        "warn"
    };
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    app::run(options).into()
}
