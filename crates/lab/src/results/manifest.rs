//! `manifest.json`: under which circumstances the results came to be.

use std::time::Duration;

use backroom_provenance::{Host, command_line, commit, timestamp};
use backroom_sim::Axis;
use serde::{Deserialize, Serialize};

use crate::record::RunRecord;
use crate::runner::Runners;
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
    pub fn new(scenario: &Scenario, runners: &Runners, precision: Option<Precision>) -> Self {
        let engine = runners.engine.as_ref();
        Self {
            commit: commit(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            compiler: backroom_provenance::COMPILER.to_owned(),
            command: command_line(),
            runner: runners.kind.name.to_string(),
            shaper: runners.kind.shaper.to_string(),
            engine: engine.map(|engine| engine.version.clone()),
            packets_per_second: engine
                .and_then(|engine| engine.packets_per_second)
                .map(f64::round),
            host: Host::this(),
            scenario: ScenarioAsRun::new(scenario),
            order: Order {
                rule: "one repetition of all cells after the other, the cells of each shuffled"
                    .to_owned(),
                seed: scenario.seed,
            },
            until_ci: precision.map(Precision::fraction),
            resumed: Vec::new(),
            started: timestamp(),
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
