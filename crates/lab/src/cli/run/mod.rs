//! `run`: measures a scenario and writes its results.

mod destination;
mod peers;
mod sweep;

use std::num::NonZeroU16;

use anyhow::anyhow;
use backroom_output::{OutputArgs, note};
use clap::Args;
use tokio_util::sync::CancellationToken;

pub(super) use self::peers::rebuild as rebuild_peers;
use self::sweep::{Measured, NoSuccess, Sweep};
use super::choice::{self, ClockChoice, ShaperChoice};
use super::{Failure, stop, usage};
use crate::backends::BACKENDS;
use crate::docker::DEFAULT_IMAGE;
use crate::peers::NAME;
use crate::plan::Plan;
use crate::results::{Manifest, SIM_FOLDER};
use crate::runner::{Backend, ClockName, RunnerKind, RunnerName, RunnerOptions, ShaperName};
use crate::scenario::Scenario;
use crate::sim::Simulator;
use crate::sweep::Precision;
use backroom_sim::{Axis, AxisError};

/// Minimum repetitions of a cell with `--until-ci`, unless `--reps` is given.
const MIN_UNTIL_CI: u32 = 10;

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Built-in scenario (see `list`) or TOML file
    scenario: String,
    /// Runner that carries out the runs
    #[arg(long, default_value = "auto", value_parser = choice::runners())]
    runner: String,
    /// Shaper of the containers' network
    #[arg(long, value_enum, default_value = "auto")]
    shaper: ShaperChoice,
    /// Clock of the containers [default: that of the scenario, otherwise auto]
    #[arg(long, value_enum, default_value = "auto", hide_default_value = true)]
    clock: ClockChoice,
    /// Image of the containers
    #[arg(long, value_name = "NAME", default_value = DEFAULT_IMAGE, hide_short_help = true)]
    image: String,
    #[arg(long, value_name = "KEY=V,V...", value_parser = setting, help = set_help())]
    set: Vec<Setting>,
    /// Minimum number of runs of each cell
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(Scenario::MAX_REPETITIONS)))]
    reps: Option<u32>,
    /// Repeat each cell until the 95 % interval of its median goodput is no wider than this fraction of the median, or
    /// 30 runs are done; at least 10 runs without --reps
    #[arg(long, value_name = "5%")]
    until_ci: Option<Precision>,
    /// Continue the newest sweep with the same scenario and settings, or that in --out, without repeating its runs
    #[arg(long)]
    resume: bool,
    /// Number of concurrent runs [default: one per processor in the simulator, what the machine sustains in containers]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroU16>,
    /// Number of virtual machines with --clock virtual [default: as many as processors and free memory allow]
    #[arg(long, value_name = "N")]
    machines: Option<NonZeroU16>,
    /// Seed of the first repetition; incremented for each further one
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// For the scenario `peers`, run only this comparison: three, loss-1, loss-5, path or uplink
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// A parsed `--set`: an axis and its values.
pub(super) type Setting = (Axis, Vec<String>);

/// The help text of `--set`. `list` describes each key.
pub(super) fn set_help() -> String {
    let keys = Axis::ALL.map(Axis::key).join(", ");
    format!("Set one or more values for a key: {keys} (`list` describes them)")
}

pub(super) fn setting(text: &str) -> Result<Setting, String> {
    let (key, values) = text
        .split_once('=')
        .ok_or_else(|| "expected KEY=V,V..., such as window=10,20".to_owned())?;
    let values = values.split(',').map(|value| value.trim().to_owned());
    let axis: Axis = key
        .trim()
        .parse()
        .map_err(|error: AxisError| error.to_string())?;
    Ok((axis, values.collect()))
}

/// Applies `--set` and `--seed`.
pub(super) fn change(
    scenario: &mut Scenario,
    settings: &[Setting],
    seed: Option<u64>,
) -> Result<(), AxisError> {
    for (axis, values) in settings {
        scenario.axes.set(*axis, values)?;
    }
    scenario.seed = seed.unwrap_or(scenario.seed);
    Ok(())
}

pub(super) fn run(arguments: &RunArgs) -> Result<(), Failure> {
    if arguments.scenario == NAME {
        return peers::run(arguments);
    }
    if !arguments.only.is_empty() {
        return Err(usage(anyhow!("--only is for the scenario {NAME}")));
    }
    let plan = Plan::new(&scenario(arguments).map_err(usage)?).map_err(usage)?;
    let options = RunnerOptions {
        shaper: arguments.shaper.shaper(),
        clock: clock(arguments, &plan.scenario),
        jobs: arguments.jobs.map(|jobs| usize::from(jobs.get())),
        machines: arguments.machines.map(|number| usize::from(number.get())),
        ..RunnerOptions::new(&arguments.image)
    };
    if !arguments.resume {
        let checked = arguments.output.check();
        checked.map_err(destination::refused)?;
    }
    let (backend, line) = choice::choose(&arguments.runner, &BACKENDS, &options).map_err(usage)?;
    let stopped = stop::on_signal()?;
    note(line);
    carry_out(arguments, &plan, backend, &options, &stopped)
}

/// The requested clock. That of a scenario is for containers, so it does not matter to the simulator.
fn clock(arguments: &RunArgs, scenario: &Scenario) -> Option<ClockName> {
    match arguments.runner == RunnerName::Sim.to_string() {
        true => arguments.clock.clock(),
        false => scenario.clock,
    }
}

/// Says how the network is shaped if the runner had to choose.
fn explain_shaper(options: &RunnerOptions, kind: RunnerKind) {
    let real = kind.clock == ClockName::Real;
    match kind.shaper {
        _ if options.shaper.is_some() || !real => {}
        ShaperName::Nfqueue => note(
            "shaping with nfqueue, because the engine's kernel has no netem; for netem: --clock virtual",
        ),
        shaper => note(format!(
            "shaping with {shaper}; for another shaper: --shaper nfqueue"
        )),
    }
}

/// Carries out `plan`, writes the results, and publishes them if that is requested and a run succeeded.
fn carry_out(
    arguments: &RunArgs,
    plan: &Plan,
    backend: &dyn Backend,
    options: &RunnerOptions,
    stopped: &CancellationToken,
) -> Result<(), Failure> {
    let runners = backend.start(plan, options, stopped)?;
    let kind = runners.kind;
    explain_shaper(options, kind);
    let manifest = Manifest::new(plan, &runners, arguments.until_ci);
    let destination = destination::choose(arguments, &manifest, kind)?;
    let sweep = |path, manifest, runners| Sweep {
        plan,
        precision: arguments.until_ci,
        resume: arguments.resume,
        path,
        manifest,
        runners,
    };
    let measure = || -> Result<Measured<'_>, Failure> {
        let path = destination.path().to_owned();
        let measured = sweep(path, manifest, runners).carry_out()?;
        if kind != RunnerKind::SIM {
            // It takes seconds, and shows each cell next to its simulation.
            let path = destination.path().join(SIM_FOLDER);
            note(format!("simulating the same plan into {}", path.display()));
            let simulators = Simulator.start(plan, options, stopped)?;
            let manifest = Manifest::new(plan, &simulators, arguments.until_ci);
            sweep(path, manifest, simulators).carry_out()?.write()?;
        }
        Ok(measured)
    };
    let finish = |measured: Measured<'_>| -> Result<(), Failure> {
        let written = measured.write()?;
        if !written.has_success() {
            written.show(destination.path());
            let reason = NoSuccess::of(&written, destination.path());
            return Err(Failure::Broken(reason.into()));
        }
        let published = destination::publish(&destination, arguments, kind)?;
        written.show(published);
        Ok(())
    };
    let finished = measure().and_then(finish);
    if let Err(failure) = &finished {
        destination::tell_where_rows_are(&destination, failure);
    }
    finished
}

/// The scenario with the changes from the command line.
fn scenario(arguments: &RunArgs) -> anyhow::Result<Scenario> {
    let mut scenario = Scenario::load(&arguments.scenario)?;
    change(&mut scenario, &arguments.set, arguments.seed)?;
    scenario.repetitions = match (arguments.reps, arguments.until_ci) {
        (Some(repetitions), _) => repetitions,
        (None, Some(_)) => scenario.repetitions.max(MIN_UNTIL_CI),
        (None, None) => scenario.repetitions,
    };
    scenario.clock = arguments.clock.clock().or(scenario.clock);
    scenario.image = (arguments.image != DEFAULT_IMAGE).then(|| arguments.image.clone());
    Ok(scenario)
}
