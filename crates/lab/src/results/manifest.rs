//! `manifest.json`: how the results were produced.

use std::io;
use std::time::Duration;

use backroom_provenance::{Host, command_line, commit, timestamp};
use backroom_sim::Axis;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::record::RunRecord;
use crate::runner::{ClockName, RunnerKind, Runners};
use crate::scenario::Scenario;
use crate::sweep::Precision;

/// The information that is needed to repeat a sweep or to check its results.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The commit of the lab's sources, with `-dirty` if there were uncommitted changes.
    pub commit: String,
    /// Version of the lab.
    pub version: String,
    /// The compiler that built the lab.
    pub compiler: String,
    /// The command line. The program is only its name, because its path does not affect the results.
    pub command: Vec<String>,
    /// `sim` or `docker`.
    pub runner: String,
    /// `link`, `netem` or `nfqueue`.
    pub shaper: String,
    /// The clock that the programs saw. `None` in manifests from before virtual machines; see
    /// [`clock`](Self::clock).
    #[serde(default)]
    clock: Option<ClockName>,
    /// How many virtual machines carried out the runs. `None` without.
    #[serde(default)]
    pub machines: Option<usize>,
    /// Name and version of the container engine. `None` for the simulator.
    pub engine: Option<String>,
    /// Packets per second that the machine can handle, measured before the first run.
    #[serde(default)]
    pub packets_per_second: Option<f64>,
    /// The machine that ran the sweep.
    pub host: Host,
    /// The scenario, including all changes by the command line.
    pub scenario: ScenarioAsRun,
    /// The order of the runs.
    #[serde(default)]
    pub order: Order,
    /// The argument of `--until-ci`: the largest width of the interval of a cell's median goodput, as a fraction of the
    /// median.
    pub until_ci: Option<f64>,
    /// Start of the first run, UTC.
    pub started: String,
    /// When the sweep was resumed after an interruption.
    #[serde(default)]
    pub resumed: Vec<Resumption>,
    /// Duration of all runs. For a resumed sweep, only since it was last resumed.
    pub duration_seconds: f64,
    /// Number of rows in `runs.csv`.
    pub runs: usize,
    /// Number of planned rows.
    pub planned: usize,
    /// Number of rows that are not ok.
    pub failed: usize,
    /// File names of the charts in the same folder.
    pub charts: Vec<String>,
}

/// The order of the runs. The column `order` has the position of each run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Order {
    rule: String,
    seed: u64,
}

/// A continuation of an interrupted sweep.
#[derive(Debug, Serialize, Deserialize)]
pub struct Resumption {
    /// Time in UTC.
    pub at: String,
    /// The commit of the lab's sources at that time.
    pub commit: String,
}

/// The scenario with the values of all axes.
#[derive(Debug, Serialize, Deserialize)]
pub struct ScenarioAsRun {
    pub(crate) name: String,
    title: String,
    pub(super) seed: u64,
    pub(super) repetitions: u32,
    pub(super) axes: serde_json::Map<String, serde_json::Value>,
    /// The same as a scenario file for `run`.
    pub(crate) toml: String,
}

impl Manifest {
    /// Creates the manifest of a sweep of `plan` that starts now.
    pub fn new(plan: &Plan, runners: &Runners, precision: Option<Precision>) -> Self {
        let scenario = &*plan.scenario;
        let engine = runners.engine.as_ref();
        Self {
            commit: commit(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            compiler: backroom_provenance::COMPILER.to_owned(),
            command: command_line(),
            runner: runners.kind.name.to_string(),
            shaper: runners.kind.shaper.to_string(),
            clock: Some(runners.kind.clock),
            machines: runners.machines(),
            engine: engine.map(|engine| engine.version.clone()),
            packets_per_second: engine
                .and_then(|engine| engine.packets_per_second)
                .map(f64::round),
            host: Host::this(),
            scenario: ScenarioAsRun::new(scenario),
            order: Order {
                rule: "one repetition of all cells after another; the cells are shuffled in each repetition"
                    .to_owned(),
                seed: scenario.seed,
            },
            until_ci: precision.map(Precision::fraction),
            resumed: Vec::new(),
            started: timestamp(),
            duration_seconds: 0.0,
            runs: 0,
            planned: plan.runs.len(),
            failed: 0,
            charts: Vec::new(),
        }
    }

    /// The clock that the programs saw.
    pub fn clock(&self) -> ClockName {
        let by_runner = match self.runner == RunnerKind::SIM.name.to_string() {
            true => RunnerKind::SIM.clock,
            false => ClockName::Real,
        };
        self.clock.unwrap_or(by_runner)
    }

    /// The content of `manifest.json`.
    pub(super) fn text(&self) -> io::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Records the outcome of the sweep.
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
