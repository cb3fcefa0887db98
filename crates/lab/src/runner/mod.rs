//! Runners: the interface between a plan and the simulator, containers, or any other way to carry out a run.

mod kind;

use std::time::Duration;

use backroom_sim::Measurement;
use tokio_util::sync::CancellationToken;

pub use self::kind::{ClockName, RunnerKind, RunnerName, Shaper, ShaperName};
use crate::plan::{Plan, Run};

/// Carries out one run at a time. Several runners may work on a plan concurrently.
pub trait Runner: Send {
    /// Which runner this is, as rows and folders name it.
    fn kind(&self) -> RunnerKind;

    /// Carries out `run`. A failed transfer is not an error: its measurement has the reason, and the sweep continues.
    ///
    /// # Errors
    /// [`RunError`] if no further run can be measured, so that the sweep has to end.
    fn run(&mut self, run: &Run) -> Result<Measurement, RunError>;
}

/// A kind of runner that `--runner` and `--clock` can choose. `crate::backends` lists all of them.
pub trait Backend: Sync {
    /// The name for `--runner` and in rows.
    fn name(&self) -> RunnerName;

    /// The clock of its runs, for `--clock` and in rows.
    fn clock(&self) -> ClockName;

    /// One line for `--help`.
    fn description(&self) -> &'static str;

    /// Whether the user can choose a [`Shaper`].
    fn takes_shaper(&self) -> bool {
        false
    }

    /// Checks whether the backend works here, and waits at most `timeout` for an answer. Returns a phrase that says
    /// what it runs on.
    ///
    /// # Errors
    /// [`Unavailable`], with what is missing and the remedy.
    fn probe(&self, options: &RunnerOptions, timeout: Duration) -> Result<String, Unavailable>;

    /// Starts runners for `plan`. They stop and clean up when they are dropped.
    ///
    /// # Errors
    /// [`RunError`] if they cannot be started or `cancelled` comes first. It contains an [`Unavailable`] if something
    /// is missing here.
    fn start(
        &self,
        plan: &Plan,
        options: &RunnerOptions,
        cancelled: &CancellationToken,
    ) -> Result<Runners, RunError>;
}

/// Options of a backend. Each backend ignores those that do not concern it.
#[derive(Clone, Debug)]
pub struct RunnerOptions {
    /// The shaper; `None` for the best one that works.
    pub shaper: Option<Shaper>,
    /// The clock; `None` for the best one that works.
    pub clock: Option<ClockName>,
    /// The image of the containers.
    pub image: String,
    /// Number of concurrent runs; `None` for as many as the machine sustains.
    pub jobs: Option<usize>,
    /// Number of virtual machines; `None` for as many as this machine can run.
    pub machines: Option<usize>,
}

impl RunnerOptions {
    /// Everything as the backend chooses it, with containers of `image`.
    pub fn new(image: &str) -> Self {
        Self {
            shaper: None,
            clock: None,
            image: image.to_owned(),
            jobs: None,
            machines: None,
        }
    }
}

/// Runners that carry out a plan together.
pub struct Runners {
    /// Which runner each of them is.
    pub kind: RunnerKind,
    /// The runners themselves; at least one.
    pub workers: Vec<Box<dyn Runner>>,
    /// The container engine, if the runs need one.
    pub engine: Option<Engine>,
}

impl Runners {
    /// How many virtual machines carry out the plan. `None` without.
    pub fn machines(&self) -> Option<usize> {
        let in_machines =
            self.kind.name == RunnerName::Docker && self.kind.clock == ClockName::Virtual;
        in_machines.then_some(self.workers.len())
    }
}

/// A container engine, as the manifest describes it.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Its name and version.
    pub version: String,
    /// Packets per second that the machine sustains, if that was measured.
    pub packets_per_second: Option<f64>,
}

/// Why a backend does not work here.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}; {remedy}")]
pub struct Unavailable {
    /// What is missing.
    pub why: String,
    /// The remedy, as a command if there is one.
    pub remedy: String,
}

/// Why a sweep ends early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The user interrupted it.
    #[error("interrupted")]
    Cancelled,
    /// The runner failed or could not be started.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}
