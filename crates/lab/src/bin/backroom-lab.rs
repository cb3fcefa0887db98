//! Runs the laboratory.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // The library that draws charts warns of every flat box.
    let default = || EnvFilter::new("error,backroom=warn");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| default());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // Otherwise it reports that stderr is closed to stderr, which ends the program.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal())
        .init();
    backroom_lab::cli::main()
}
