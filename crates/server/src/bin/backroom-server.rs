//! The program `backroom-server`: runs a room.

use std::process::ExitCode;

fn main() -> ExitCode {
    backroom_server::run()
}
