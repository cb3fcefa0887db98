//! What carries runs out: the seam between a plan and the simulator, containers, or any other kind of runner.

mod kind;

use std::time::Duration;

use backroom_sim::Measurement;
use tokio_util::sync::CancellationToken;

pub use self::kind::{RunnerKind, RunnerName, Shaper, ShaperName};
use crate::plan::{Plan, Run};

/// Carries out one run after another. Several runners may work at a plan at the same time.
pub trait Runner: Send {
    /// Which runner this is, as rows and folders name it.
    fn kind(&self) -> RunnerKind;

    /// Carries `run` out. A transfer that failed is a measurement with a reason in it; the sweep goes on.
    ///
    /// # Errors
    /// [`RunError`] when the sweep has to end: no further run could be measured.
    fn run(&mut self, run: &Run) -> Result<Measurement, RunError>;
}

/// A kind of runner: what `--runner` chooses from. `crate::backends` lists all of them.
pub trait Backend: Sync {
    /// As `--runner` and rows name it.
    fn name(&self) -> RunnerName;

    /// What it is, in a line for `--help`.
    fn description(&self) -> &'static str;

    /// Whether a [`Shaper`] can be chosen.
    fn takes_shaper(&self) -> bool {
        false
    }

    /// Whether it works here, asked with `patience`. Returns what it runs on, as a phrase.
    ///
    /// # Errors
    /// What is missing, and what helps.
    fn probe(&self, options: &RunnerOptions, patience: Duration) -> Result<String, Unavailable>;

    /// Starts runners for `plan`. They stop and clean up when they are dropped.
    ///
    /// # Errors
    /// [`RunError`] when they can't be started or `cancelled` comes first. Something that is missing here is an
    /// [`Unavailable`] in it.
    fn start(
        &self,
        plan: &Plan,
        options: &RunnerOptions,
        cancelled: &CancellationToken,
    ) -> Result<Runners, RunError>;
}

/// What a backend is asked for. Each ignores what does not concern it.
#[derive(Clone, Debug)]
pub struct RunnerOptions {
    /// What shapes the network; `None` for the best that works.
    pub shaper: Option<Shaper>,
    /// The image that containers are made of.
    pub image: String,
    /// Runs at the same time; `None` for as many as the machine holds.
    pub jobs: Option<usize>,
}

/// Runners that carry out a plan together.
pub struct Runners {
    /// Which runner each of them is.
    pub kind: RunnerKind,
    /// The runners themselves; at least one.
    pub workers: Vec<Box<dyn Runner>>,
    /// The engine that the runs need, where they need one.
    pub engine: Option<Engine>,
}

/// What a manifest says of an engine.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Its name and version.
    pub version: String,
    /// Packets per second that its machine holds, where that was measured.
    pub packets_per_second: Option<f64>,
}

/// Why a backend does not work here.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}; {remedy}")]
pub struct Unavailable {
    /// What is missing.
    pub why: String,
    /// What helps, as a command where there is one.
    pub remedy: String,
}

/// Why a sweep ends early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The user interrupted it.
    #[error("interrupted")]
    Cancelled,
    /// What carries runs out does not work any more, or never did.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}
