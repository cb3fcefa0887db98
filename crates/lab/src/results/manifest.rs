//! `manifest.json`: under which circumstances the results came to be.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::record::RunRecord;
use crate::runner::RunnerKind;
use crate::scenario::{Axis, Scenario};

/// Everything one needs to know to repeat a sweep, or to doubt it.
#[derive(Debug, Serialize)]
pub struct Manifest {
    /// The commit of the lab's sources; `-dirty` where they differ from it.
    pub commit: String,
    /// Version of the lab.
    pub version: &'static str,
    /// The compiler it was built with.
    pub compiler: &'static str,
    /// The command line, the program by its name alone: where it lay says nothing about the results.
    pub command: Vec<String>,
    /// `sim` or `docker`.
    pub runner: &'static str,
    /// `link`, `netem` or `nfqueue`.
    pub shaper: &'static str,
    /// The container engine, where one took part.
    pub engine: Option<String>,
    /// Where it ran.
    pub host: Host,
    /// What ran, after all that the command line changed.
    pub scenario: ScenarioAsRun,
    /// When the first run began, UTC.
    pub started: String,
    /// How long all runs took.
    pub duration_seconds: f64,
    /// Rows in `runs.csv`.
    pub runs: usize,
    /// Rows the plan had.
    pub planned: usize,
    /// Rows that are not ok.
    pub failed: usize,
    /// The charts beside this file.
    pub charts: Vec<String>,
}

/// The machine.
#[derive(Debug, Serialize)]
pub struct Host {
    /// Kernel release.
    pub kernel: Option<String>,
    /// Processor model.
    pub processor: Option<String>,
    /// Processors that may be used.
    pub cores: usize,
    /// Main memory.
    pub memory_bytes: Option<u64>,
}

/// The scenario with every axis spelt out.
#[derive(Debug, Serialize)]
pub struct ScenarioAsRun {
    name: String,
    title: String,
    seed: u64,
    repetitions: u32,
    axes: serde_json::Map<String, serde_json::Value>,
    /// The same as a file that `run` takes.
    toml: String,
}

impl Manifest {
    /// The manifest of a sweep of `scenario` that has just begun.
    pub fn new(
        scenario: &Scenario,
        runner: RunnerKind,
        engine: Option<String>,
        planned: usize,
    ) -> Self {
        Self {
            commit: commit(),
            version: env!("CARGO_PKG_VERSION"),
            compiler: env!("BACKROOM_COMPILER"),
            command: command_line(std::env::args()),
            runner: runner.name(),
            shaper: runner.shaper(),
            engine,
            host: Host::this(),
            scenario: ScenarioAsRun::new(scenario),
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            duration_seconds: 0.0,
            runs: 0,
            planned,
            failed: 0,
            charts: Vec::new(),
        }
    }

    /// Takes note of what became of the sweep.
    pub fn finish(&mut self, duration: Duration, records: &[RunRecord]) {
        self.runs = records.len();
        self.failed = records.iter().filter(|record| !record.ok).count();
        self.duration_seconds = (duration.as_secs_f64() * 1e3).round() / 1e3;
    }
}

impl ScenarioAsRun {
    fn new(scenario: &Scenario) -> Self {
        let axes = Axis::ALL
            .into_iter()
            .map(|axis| (axis.key().to_owned(), scenario.axes.text(axis).into()));
        Self {
            name: scenario.name.clone(),
            title: scenario.title.clone(),
            seed: scenario.seed,
            repetitions: scenario.repetitions,
            axes: axes.collect(),
            toml: scenario.to_toml(),
        }
    }
}

impl Host {
    /// This machine, as far as it says.
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

/// The commit the lab comes from. An image is built without the repository and is told; anything else is run from its
/// sources, which are asked now, so that a commit alone makes no new build.
pub(crate) fn commit() -> String {
    if let Some(told) = option_env!("BACKROOM_COMMIT") {
        return told.to_owned();
    }
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let sources = ["../gbn", "../lab", "../link", "../../Cargo.lock"];
    let changes = git(&[&["status", "--porcelain", "--"][..], &sources].concat());
    if changes.is_some_and(|changes| !changes.is_empty()) {
        return commit + "-dirty";
    }
    commit
}

/// What git said of the lab's sources, if they are still there.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The arguments as given, without the folder the program was started from.
fn command_line(mut arguments: impl Iterator<Item = String>) -> Vec<String> {
    let program = arguments.next().unwrap_or_default();
    let name = std::path::Path::new(&program)
        .file_name()
        .map_or(program.clone(), |name| name.to_string_lossy().into_owned());
    std::iter::once(name).chain(arguments).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_no_folder_of_the_program() {
        let arguments = ["/somewhere/backroom-lab", "run", "/a/scenario.toml"];
        let told = command_line(arguments.map(str::to_owned).into_iter());
        assert_eq!(told, ["backroom-lab", "run", "/a/scenario.toml"]);
    }
}
