//! The command line.

mod choice;
mod compare;
mod doctor;
mod list;
mod progress;
mod report;
mod run;
mod stop;
mod table;
mod trace;

pub use self::choice::ShaperChoice;
pub use self::stop::on_signal;

use std::process::ExitCode;

use backroom_output::note;
use backroom_shaper::ShaperArgs;
use clap::{Parser, Subcommand};

use crate::machine::worker::{self, WorkerArgs};
use crate::runner::{RunError, Unavailable};
use crate::sweep::ForeignRow;

/// Measures Go-Back-N: sends files under many conditions, in a simulator or in containers on a shaped network, and
/// compares the results with a model.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario and write rows, statistics and charts to a folder.
    Run(run::RunArgs),
    /// Draw one transfer step by step, simulated or from the traces of clients, and write a capture for Wireshark.
    Trace(trace::TraceArgs),
    /// List the built-in scenarios.
    List,
    /// Compare two results folders cell by cell; exit with status 1 on a regression.
    Compare(compare::CompareArgs),
    /// Rebuild the summary, charts and report of a results folder without measuring again.
    Report(report::ReportArgs),
    /// Report what works on this machine and how to fix the rest.
    Doctor(doctor::DoctorArgs),
    /// Shape the network of a container; the docker runner starts it for each member.
    #[command(hide = true)]
    Shaper(ShaperArgs),
    /// Carry out runs in a virtual machine; the lab outside starts it and asks through stdin.
    #[command(hide = true)]
    Worker(WorkerArgs),
}

/// Why a command failed. Each has its own exit status.
#[derive(Debug)]
enum Failure {
    /// The command line cannot be carried out, and nothing was started: 2.
    Usage(anyhow::Error),
    /// The command failed after it started: 1.
    Broken(anyhow::Error),
    /// `compare` found a regression and reported it: 1.
    Regression,
    /// The user interrupted: 130, as shells report SIGINT.
    Interrupted,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Cancelled => Self::Interrupted,
            RunError::Broken(error) if error.is::<Unavailable>() => Self::Usage(error),
            RunError::Broken(error) if error.is::<ForeignRow>() => Self::Usage(error),
            RunError::Broken(error) => Self::Broken(error),
        }
    }
}

fn usage(error: impl Into<anyhow::Error>) -> Failure {
    Failure::Usage(error.into())
}

/// `error` and its causes in one line. Omits a cause that its context already ends with.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.ends_with(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

/// Runs the command that the process's arguments name.
pub fn main() -> ExitCode {
    let arguments: Arguments = match backroom_output::parse() {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    let outcome = match &arguments.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Trace(arguments) => trace::trace(arguments),
        Command::List => list::list().map_err(Failure::Broken),
        Command::Compare(arguments) => compare::compare(arguments),
        Command::Report(arguments) => report::report(arguments),
        Command::Doctor(arguments) => doctor::doctor(arguments).map_err(Failure::Broken),
        Command::Worker(arguments) => worker::run(arguments).map_err(Failure::Broken),
        Command::Shaper(arguments) => backroom_shaper::run(arguments).map_err(Failure::Broken),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => {
            note(format!("error: {}", in_one_line(&error)));
            ExitCode::from(2)
        }
        Err(Failure::Broken(error)) => {
            note(format!("error: {}", in_one_line(&error)));
            ExitCode::FAILURE
        }
        Err(Failure::Regression) => ExitCode::FAILURE,
        Err(Failure::Interrupted) => {
            note("interrupted");
            ExitCode::from(130)
        }
    }
}
