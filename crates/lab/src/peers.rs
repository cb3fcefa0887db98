//! The scenario `peers`: the comparison with other programs. A separate program carries it out, `backroom-peers` in
//! `benches/peers`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::anyhow;

/// The scenario's name.
pub const NAME: &str = "peers";
/// The scenario's title.
pub const TITLE: &str = "Backroom compared with uftp, atftp, TCP and QUIC on the same network";
/// Number of runs with the default number of repetitions.
pub const RUNS: usize = 120;
/// The image that contains the other programs.
pub const IMAGE: &str = "backroom-peers:latest";

const PROGRAM: &str = "backroom-peers";

/// Replaces this process by `backroom-peers`, which must be in the same folder as this program. Returns only if that
/// fails.
pub(crate) fn exec(arguments: &[OsString]) -> anyhow::Error {
    let program = match std::env::current_exe() {
        Ok(this) => this.with_file_name(PROGRAM),
        Err(error) => return anyhow!("cannot find this program's folder: {error}"),
    };
    let error = Command::new(&program).args(arguments).exec();
    anyhow!(
        "cannot start {}: {error}; build it with `cargo build -p {PROGRAM}`, with `--release` if this is a release build",
        program.display()
    )
}
