//! Benchmarks of the room.
//!
//! - `crowd`: a load generator. It joins many members to the real server program and lets some of them post. It measures
//!   the time until all others have opened a post, and the server's memory and processor time.
//! - `chat`: a few real client programs that chat while files saturate the link between them.
//!
//! The server runs as a separate program and is never linked, so that the measurements apply to what users run.

mod chat;
mod latency;
mod link;
mod load;
mod program;
mod results;

use std::process::ExitCode;

use backroom_output::{FolderError, note};
use clap::{Parser, Subcommand};

/// Measures the latency of messages in a room, and the memory of its server.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Load generator: many members, some of which post to all others.
    #[command(name = "crowd")]
    Load(load::LoadArgs),
    /// Real clients that chat while they send files.
    Chat(chat::ChatArgs),
}

fn main() -> ExitCode {
    let arguments: Arguments = match backroom_output::parse() {
        Ok(arguments) => arguments,
        Err(status) => return status,
    };
    let measured = match arguments.command {
        Command::Load(arguments) => load::run(&arguments),
        Command::Chat(arguments) => chat::run(&arguments),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(format!("error: {error:#}"));
            match error.is::<FolderError>() {
                true => ExitCode::from(2),
                false => ExitCode::FAILURE,
            }
        }
    }
}
