//! The docker runner: the real server and clients, unchanged, each in a container on a network of their own.

use tokio_util::sync::CancellationToken;

use crate::plan::{Plan, Run};
use crate::record::Measurement;
use crate::runner::{RunError, Runner, RunnerKind, Shaper};

/// An engine that answers and has the project's image.
#[derive(Clone, Debug)]
pub struct Engine {
    /// What it says of itself.
    pub version: String,
}

/// Why no container can be started, and what would mend it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}; {remedy}")]
pub struct Unavailable {
    /// What is missing.
    pub why: String,
    /// What to do about it, as a command where there is one.
    pub remedy: String,
}

/// Looks for an engine that answers at once and has the project's image.
///
/// # Errors
/// [`Unavailable`] says what is missing.
pub fn probe() -> Result<Engine, Unavailable> {
    Err(Unavailable {
        why: "this build has no docker runner".to_owned(),
        remedy: "use --runner sim".to_owned(),
    })
}

/// Members in containers, started once for a whole plan.
pub struct DockerRunner {
    shaper: Shaper,
}

impl DockerRunner {
    /// Starts what `plan` needs. `shaper` is what was asked for; `None` takes netem where the kernel has it, else
    /// nfqueue. Everything is removed when the runner is dropped.
    ///
    /// # Errors
    /// [`RunError`] when something can't be started, or `cancelled` comes first.
    pub fn start(
        plan: &Plan,
        shaper: Option<Shaper>,
        cancelled: &CancellationToken,
    ) -> Result<Self, RunError> {
        let _ = (plan, shaper, cancelled);
        Err(RunError::Broken(anyhow::anyhow!(
            probe()
                .err()
                .map_or_else(String::new, |missing| missing.to_string())
        )))
    }
}

impl Runner for DockerRunner {
    fn kind(&self) -> RunnerKind {
        RunnerKind::Docker(self.shaper)
    }

    fn run(&mut self, _run: &Run) -> Result<Measurement, RunError> {
        Err(RunError::Cancelled)
    }
}
