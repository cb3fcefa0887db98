//! `manifest.json`: under which circumstances the results came to be.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use backroom_sim::Axis;
use serde::{Deserialize, Serialize};

use crate::docker::Engine;
use crate::record::RunRecord;
use crate::runner::RunnerKind;
use crate::scenario::Scenario;
use crate::sweep::Precision;

/// Everything one needs to know to repeat a sweep, or to doubt it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The commit of the lab's sources; `-dirty` where they differ from it.
    pub commit: String,
    /// Version of the lab.
    pub version: String,
    /// The compiler it was built with.
    pub compiler: String,
    /// The command line, the program by its name alone: where it lay says nothing about the results.
    pub command: Vec<String>,
    /// `sim` or `docker`.
    pub runner: String,
    /// `link`, `netem` or `nfqueue`.
    pub shaper: String,
    /// The container engine, where one took part.
    pub engine: Option<String>,
    /// Packets that its machine lets through in a second, as measured before the first run.
    #[serde(default)]
    pub packets_per_second: Option<f64>,
    /// Where it ran.
    pub host: Host,
    /// What ran, after all that the command line changed.
    pub scenario: ScenarioAsRun,
    /// In which order the runs were carried out.
    #[serde(default)]
    pub order: Order,
    /// The part of the median that the interval of a cell's goodput was to be no wider than, where `--until-ci` was given.
    pub until_ci: Option<f64>,
    /// When the first run began, UTC.
    pub started: String,
    /// When it went on after it had been broken off.
    #[serde(default)]
    pub resumed: Vec<Resumption>,
    /// How long all runs took; of a resumed sweep, those since it went on.
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

/// In which order the runs were carried out. The column `order` says it of each run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Order {
    rule: String,
    seed: u64,
}

/// A sweep that was broken off went on.
#[derive(Debug, Serialize, Deserialize)]
pub struct Resumption {
    /// When, UTC.
    pub at: String,
    /// With which commit of the lab's sources.
    pub commit: String,
}

/// What is to be said of any measurement, also where no scenario was swept.
#[derive(Debug, Serialize)]
pub struct Circumstances {
    /// The commit of the sources; `-dirty` where they differ from it.
    pub commit: String,
    /// The compiler the program was built with.
    pub compiler: String,
    /// The command line, the program by its name alone.
    pub command: Vec<String>,
    /// Where it ran.
    pub host: Host,
    /// When the measurement began, UTC.
    pub started: String,
}

impl Circumstances {
    /// Those of this process, which begins to measure now.
    pub fn now() -> Self {
        Self {
            commit: commit_of(&["..", "../../benches", "../../docker", "../../Cargo.lock"]),
            compiler: env!("BACKROOM_COMPILER").to_owned(),
            command: command_line(std::env::args()),
            host: Host::this(),
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }
}

/// The machine.
#[derive(Debug, Serialize, Deserialize)]
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
#[derive(Debug, Serialize, Deserialize)]
pub struct ScenarioAsRun {
    pub(crate) name: String,
    title: String,
    pub(super) seed: u64,
    pub(super) repetitions: u32,
    pub(super) axes: serde_json::Map<String, serde_json::Value>,
    /// The same as a file that `run` takes.
    pub(crate) toml: String,
}

impl Manifest {
    /// The manifest of a sweep of `scenario` that has just begun.
    pub fn new(
        scenario: &Scenario,
        runner: RunnerKind,
        engine: Option<&Engine>,
        precision: Option<Precision>,
    ) -> Self {
        Self {
            commit: commit(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            compiler: env!("BACKROOM_COMPILER").to_owned(),
            command: command_line(std::env::args()),
            runner: runner.name.to_string(),
            shaper: runner.shaper.to_string(),
            engine: engine.map(|engine| engine.version.clone()),
            packets_per_second: engine
                .and_then(|engine| engine.limit)
                .map(|limit| limit.packets_per_second.round()),
            host: Host::this(),
            scenario: ScenarioAsRun::new(scenario),
            order: Order {
                rule: "one repetition of all cells after the other, the cells of each shuffled"
                    .to_owned(),
                seed: scenario.seed,
            },
            until_ci: precision.map(Precision::fraction),
            resumed: Vec::new(),
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            duration_seconds: 0.0,
            runs: 0,
            planned: 0,
            failed: 0,
            charts: Vec::new(),
        }
    }

    /// Takes note of what became of the sweep.
    pub fn finish(&mut self, duration: Duration, planned: usize, records: &[RunRecord]) {
        self.planned = planned;
        self.runs = records.len();
        self.failed = records.iter().filter(|record| !record.ok).count();
        self.duration_seconds = (duration.as_secs_f64() * 1e3).round() / 1e3;
    }
}

impl ScenarioAsRun {
    fn new(scenario: &Scenario) -> Self {
        let axes = Axis::ALL
            .into_iter()
            .map(|axis| (axis.key().to_owned(), scenario.axes.values(axis).into()));
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
    commit_of(&["../gbn", "../lab", "../link", "../sim", "../../Cargo.lock"])
}

/// The commit that is checked out; `-dirty` where `sources`, paths from the lab's own folder, differ from it.
fn commit_of(sources: &[&str]) -> String {
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changes = git(&[&["status", "--porcelain", "--"][..], sources].concat());
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
