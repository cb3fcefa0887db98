//! Runs the laboratory.

use std::process::ExitCode;

fn main() -> ExitCode {
    backroom_lab::cli::main()
}
