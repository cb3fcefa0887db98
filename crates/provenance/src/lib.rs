//! Where a measurement comes from: sources, compiler, command line and machine. The lab and the benchmarks write it into
//! the manifests beside their results.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// The compiler that built this crate, as `rustc --version` prints it.
pub const COMPILER: &str = env!("BACKROOM_COMPILER");

/// Where a measurement comes from.
#[derive(Debug, Serialize)]
pub struct Provenance {
    /// See [`commit`].
    pub commit: String,
    /// See [`COMPILER`].
    pub compiler: String,
    /// See [`command_line`].
    pub command: Vec<String>,
    /// The machine.
    pub host: Host,
    /// See [`timestamp`].
    pub started: String,
}

impl Provenance {
    /// That of a measurement that this process starts now.
    pub fn now() -> Self {
        Self {
            commit: commit(),
            compiler: COMPILER.to_owned(),
            command: command_line(),
            host: Host::this(),
            started: timestamp(),
        }
    }
}

/// A machine. `None` is unknown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Host {
    /// Kernel release.
    pub kernel: Option<String>,
    /// Processor model.
    pub processor: Option<String>,
    /// Number of processors that this process may use.
    pub cores: usize,
    /// Size of the main memory.
    pub memory_bytes: Option<u64>,
}

impl Host {
    /// This machine.
    pub fn this() -> Self {
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(file).ok()?;
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory_kib = field("/proc/meminfo", "MemTotal")
            .and_then(|memory| memory.split(' ').next()?.parse::<u64>().ok());
        Self {
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .ok()
                .map(|release| release.trim().to_owned()),
            processor: field("/proc/cpuinfo", "model name"),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_kib.map(|kib| kib * 1024),
        }
    }
}

/// The current time in UTC, by RFC 3339.
pub fn timestamp() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// The commit that is checked out, with `-dirty` if the programs' sources differ from it. It is read now and not when the
/// program was built, so that a new commit does not require a new build. `unknown` without the repository.
pub fn commit() -> String {
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let sources = ["crates", "benches", "docker", "Cargo.lock"];
    let changes = git(&[&["status", "--porcelain", "--"][..], &sources].concat());
    if changes.is_some_and(|changes| !changes.is_empty()) {
        return commit + "-dirty";
    }
    commit
}

/// The arguments of this process. The program has no path, because its place does not matter for the results.
pub fn command_line() -> Vec<String> {
    without_path(std::env::args())
}

fn without_path(mut arguments: impl Iterator<Item = String>) -> Vec<String> {
    let program = arguments.next().unwrap_or_default();
    let name = Path::new(&program)
        .file_name()
        .map_or(program.clone(), |name| name.to_string_lossy().into_owned());
    std::iter::once(name).chain(arguments).collect()
}

/// The output of git in the repository. `None` if it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_has_no_path_of_the_program() {
        let arguments = ["/somewhere/backroom-lab", "run", "/a/scenario.toml"];
        let shown = without_path(arguments.map(str::to_owned).into_iter());
        assert_eq!(shown, ["backroom-lab", "run", "/a/scenario.toml"]);
    }
}
