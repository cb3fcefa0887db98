//! `run`: a scenario from its file to its charts.

use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use anyhow::{Context, anyhow};
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::choice::{self, Decision, RunnerChoice, ShaperChoice};
use super::progress::Progress;
use super::{Failure, stop, table};
use crate::charts;
use crate::docker::{self, DockerRunner};
use crate::plan::Plan;
use crate::record::RunRecord;
use crate::results::{Manifest, ResultsFolder};
use crate::runner::{RunError, Runner};
use crate::scenario::{Axis, Scenario};
use crate::sim::SimRunner;
use crate::statistics;
use crate::sweep;

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// A built-in scenario (see `list`) or a TOML file
    scenario: String,
    /// What carries the runs out
    #[arg(long, value_enum, default_value = "auto")]
    runner: RunnerChoice,
    /// What shapes the containers' network
    #[arg(long, value_enum, default_value = "auto")]
    shaper: ShaperChoice,
    /// The image that containers are made of
    #[arg(long, value_name = "NAME", default_value = docker::DEFAULT_IMAGE, hide_short_help = true)]
    image: String,
    /// Other values for a key: window, loss, cast, receivers, delivery, recovery, timeout, rate, delay, jitter, queue, file,
    /// segment, burst, loss_side
    #[arg(long, value_name = "KEY=V,V...", value_parser = setting)]
    set: Vec<Setting>,
    /// How often each cell is measured
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(Scenario::MAX_REPETITIONS)))]
    reps: Option<u32>,
    /// Seed of the first repetition; each further one counts up from it
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Where the results go [default: results/SCENARIO/RUNNER]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A `--set`.
#[derive(Clone, Debug)]
struct Setting {
    axis: Axis,
    values: Vec<String>,
}

fn setting(text: &str) -> Result<Setting, String> {
    let (key, values) = text
        .split_once('=')
        .ok_or_else(|| "it is KEY=V,V... like window=10,20".to_owned())?;
    Ok(Setting {
        axis: key
            .trim()
            .parse::<Axis>()
            .map_err(|error| error.to_string())?,
        values: values
            .split(',')
            .map(|value| value.trim().to_owned())
            .collect(),
    })
}

pub(super) fn run(arguments: &RunArgs) -> Result<(), Failure> {
    let usage = |error: anyhow::Error| Failure::Usage(error);
    let scenario = scenario(arguments).map_err(usage)?;
    let plan = Plan::new(&scenario).map_err(|error| usage(error.into()))?;
    let (decision, line) = choice::decide(arguments.runner, arguments.shaper, &plan, || {
        let patience = match arguments.runner {
            RunnerChoice::Docker => docker::PATIENTLY,
            RunnerChoice::Auto | RunnerChoice::Sim => docker::AT_ONCE,
        };
        docker::probe(&arguments.image, patience)
    })
    .map_err(usage)?;
    let stopped = stop::on_signal().map_err(|error| Failure::Broken(error.into()))?;
    eprintln!("{line}");
    let (workers, engine) = workers(decision, arguments, &plan, &stopped).map_err(failure)?;
    carry_out(arguments, &scenario, &plan, workers, engine)
}

/// The scenario with all that the command line changes.
fn scenario(arguments: &RunArgs) -> anyhow::Result<Scenario> {
    let mut scenario = Scenario::load(&arguments.scenario)?;
    for setting in &arguments.set {
        scenario.axes.set(setting.axis, &setting.values)?;
    }
    scenario.repetitions = arguments.reps.unwrap_or(scenario.repetitions);
    scenario.seed = arguments.seed.unwrap_or(scenario.seed);
    Ok(scenario)
}

type Workers = Vec<Box<dyn Runner>>;

/// Who carries the plan out: a simulator for each processor, or the one set of containers.
fn workers(
    decision: Decision,
    arguments: &RunArgs,
    plan: &Plan,
    stopped: &CancellationToken,
) -> Result<(Workers, Option<String>), RunError> {
    match decision {
        Decision::Sim => {
            let processors = thread::available_parallelism().map_or(1, usize::from);
            let worker = |_| Box::new(SimRunner::new(stopped.clone())) as Box<dyn Runner>;
            Ok(((0..processors).map(worker).collect(), None))
        }
        Decision::Docker(engine) => {
            let runner =
                DockerRunner::start(plan, &arguments.image, arguments.shaper.shaper(), stopped)?;
            Ok((vec![Box::new(runner)], Some(engine.version)))
        }
    }
}

fn carry_out(
    arguments: &RunArgs,
    scenario: &Scenario,
    plan: &Plan,
    workers: Workers,
    engine: Option<String>,
) -> Result<(), Failure> {
    let broken = |error: anyhow::Error| Failure::Broken(error);
    let kind = workers
        .first()
        .map(|worker| worker.kind())
        .ok_or_else(|| broken(anyhow!("there is nobody to carry the plan out")))?;
    let path = match &arguments.out {
        Some(path) => path.clone(),
        None => PathBuf::from("results")
            .join(&scenario.name)
            .join(kind.folder()),
    };
    let folder = ResultsFolder::create(&path)
        .context("the results can't be written")
        .map_err(broken)?;
    let mut rows = folder
        .runs()
        .context("the results can't be written")
        .map_err(broken)?;
    let mut manifest = Manifest::new(scenario, kind, engine, plan.runs.len());
    let mut records = Vec::new();
    let mut progress = Progress::begin(plan.runs.len());
    let begin = Instant::now();
    let outcome = sweep::carry_out(plan, workers, |record| {
        rows.write(record)?;
        progress.count(record);
        records.push(record.clone());
        Ok(())
    });
    progress.end();
    manifest.finish(begin.elapsed(), &records);
    finish(&folder, scenario, &records, manifest, outcome.is_ok()).map_err(broken)?;
    outcome.map_err(failure)
}

/// Makes of the rows what is to be made of them. A sweep that did not end has rows and a manifest that says so.
fn finish(
    folder: &ResultsFolder,
    scenario: &Scenario,
    records: &[RunRecord],
    mut manifest: Manifest,
    ended: bool,
) -> anyhow::Result<()> {
    if !ended {
        return Ok(folder.write_manifest(&manifest)?);
    }
    let cells = statistics::summarise(records);
    folder.write_summary(&cells)?;
    manifest.charts = charts::draw_all(&scenario.charts, &cells, folder.path())?;
    folder.write_manifest(&manifest)?;
    let mut out = io::stdout().lock();
    for (heading, table) in table::tables(scenario, &cells) {
        writeln!(out, "{heading}\n{}\n", table.trim_fmt())?;
    }
    for chart in &manifest.charts {
        writeln!(out, "{}", folder.path().join(chart).display())?;
    }
    writeln!(out, "{}", folder.path().join("runs.csv").display())?;
    Ok(())
}

fn failure(error: RunError) -> Failure {
    match error {
        RunError::Cancelled => Failure::Interrupted,
        RunError::Broken(error) if error.is::<docker::Unavailable>() => Failure::Usage(error),
        RunError::Broken(error) => Failure::Broken(error),
    }
}
