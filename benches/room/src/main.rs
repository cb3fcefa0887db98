//! A load generator for the room.
//!
//! - `crowd`: many members in this process, speaking the real protocol to the real server program, some of which talk. How
//!   long their posts take until all others have opened them, and what a member costs the server.
//! - `chat`: a few real client programs that talk while files saturate the link between them.
//!
//! The server is always started as a program, and never linked: what is measured is what runs in earnest.

mod chat;
mod latency;
mod link;
mod load;
mod program;
mod results;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures the room: latency of its messages, and memory of its server.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Many members, some of which talk to all.
    Crowd(load::CrowdArgs),
    /// Real clients that talk while they send each other files.
    Chat(chat::ChatArgs),
}

fn main() -> ExitCode {
    let measured = match Arguments::parse().command {
        Command::Crowd(arguments) => load::run(&arguments),
        Command::Chat(arguments) => chat::run(&arguments),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
