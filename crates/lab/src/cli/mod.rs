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

use std::io;
use std::process::ExitCode;

use backroom_shaper::ShaperArgs;
use clap::{Parser, Subcommand};

/// Measures Go-Back-N: sends files under many conditions, in a simulator or in containers on a shaped network, and draws
/// what became of them beside what theory expects.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Carry a scenario out: rows, statistics and charts end in a folder.
    Run(run::RunArgs),
    /// Draw one transfer step by step, simulated or as clients wrote it down; also for Wireshark.
    Trace(trace::TraceArgs),
    /// List the built-in scenarios.
    List,
    /// Compare two folders of results, cell by cell; exit 1 where something became slower.
    Compare(compare::CompareArgs),
    /// Make summary, charts and report of a folder of results anew, without measuring again.
    Report(report::ReportArgs),
    /// Say what works here, and what mends the rest.
    Doctor(doctor::DoctorArgs),
    /// Shape the network of a container; the docker runner starts it beside each member.
    #[command(hide = true)]
    Shaper(ShaperArgs),
}

/// Why a command did not do what was asked. Each has an exit status of its own.
#[derive(Debug)]
enum Failure {
    /// What was asked for can't be done, and nothing was begun: 2, as for any wrong command line.
    Usage(anyhow::Error),
    /// Something broke on the way: 1.
    Broken(anyhow::Error),
    /// What was compared became slower, which is said already: 1.
    Regression,
    /// Somebody interrupted: 130, as a shell has it for SIGINT.
    Interrupted,
}

/// What became of writing to standard output. Who has closed it, like `head`, has read enough.
fn heard(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// `error` and its causes in one line. A cause that the words before it end with already is not said again.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.ends_with(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

/// Does what the process's arguments say.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Trace(arguments) => trace::trace(arguments),
        Command::List => list::list(),
        Command::Compare(arguments) => compare::compare(arguments),
        Command::Report(arguments) => report::report(arguments),
        Command::Doctor(arguments) => doctor::doctor(arguments),
        Command::Shaper(arguments) => backroom_shaper::run(arguments).map_err(Failure::Broken),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => {
            eprintln!("error: {}", told(&error));
            ExitCode::from(2)
        }
        Err(Failure::Broken(error)) => {
            eprintln!("error: {}", told(&error));
            ExitCode::FAILURE
        }
        Err(Failure::Regression) => ExitCode::FAILURE,
        Err(Failure::Interrupted) => {
            eprintln!("interrupted");
            ExitCode::from(130)
        }
    }
}
