//! The program `backroom-client`: a member of a room, used in a terminal or by another program.

use std::process::ExitCode;

fn main() -> ExitCode {
    backroom_client::run()
}
