//! Compares file transfers with uftp, atftp, TCP and QUIC on the same network, in containers. `backroom-lab run peers`
//! starts this program.
//!
//! Unlike a sweep, a comparison has no axes but a list of contestants. They take turns in an order that is shuffled for
//! each repetition, so a machine that gets slower affects all of them.
//!
//! - `comparisons`: the contestants, the networks and the targets.
//! - `tool`: the command lines of the programs, and how to read their output.
//! - `session`: one contestant's turn in a testbed of the lab.
//! - `run`: all turns of all comparisons.
//! - `row`, `summary`, `results`: `runs.csv`, `summary.csv`, the manifest and the chart.

mod comparisons;
mod results;
mod row;
mod run;
mod session;
mod summary;
mod tool;

use std::path::PathBuf;
use std::process::ExitCode;

use backroom_lab::runner::RunError;
use backroom_lab::runner::Unavailable;
use backroom_output::{FolderError, note};
use clap::{Parser, Subcommand};

/// Compares file transfers with uftp, atftp, TCP and QUIC on the same network.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure. Requires Docker and the image that docker/peers/image builds.
    Run(run::RunArgs),
    /// Write the summary and the chart of a results folder again.
    Report {
        /// A folder that `run` wrote, for example results/local/peers/docker-nfqueue
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        // Otherwise it reports that stderr is closed to stderr, which ends the program.
        .log_internal_errors(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .init();
    let arguments: Arguments = match backroom_output::parse() {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    let outcome = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Report { folder } => results::rebuild(&folder).map_err(RunError::from),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(RunError::Cancelled) => {
            note("interrupted");
            ExitCode::from(130)
        }
        Err(RunError::Broken(error)) => {
            note(format!("error: {error:#}"));
            match error.is::<Unavailable>() || error.is::<FolderError>() {
                true => ExitCode::from(2),
                false => ExitCode::FAILURE,
            }
        }
    }
}
