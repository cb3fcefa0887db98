//! What carries runs out: the simulator, or containers.

use backroom_sim::Measurement;
use serde::{Deserialize, Serialize};
use strum::Display;

use crate::plan::Run;

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

/// Which runner, and what shapes its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunnerKind {
    /// The column `runner`.
    pub name: RunnerName,
    /// The column `shaper`.
    pub shaper: ShaperName,
}

/// What carries runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum RunnerName {
    /// Virtual time in this process.
    Sim,
    /// The real programs in containers.
    Docker,
}

/// What shapes the network of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ShaperName {
    /// The link model of the simulator.
    Link,
    /// The kernel's own emulator.
    Netem,
    /// The link model in user space, deciding packet by packet.
    Nfqueue,
}

/// What shapes the network of containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shaper {
    /// The kernel's own emulator.
    Netem,
    /// The link model in user space, deciding packet by packet.
    Nfqueue,
}

impl RunnerKind {
    /// The simulator.
    pub const SIM: Self = Self {
        name: RunnerName::Sim,
        shaper: ShaperName::Link,
    };

    /// Containers on a network that `shaper` shapes.
    pub fn docker(shaper: Shaper) -> Self {
        Self {
            name: RunnerName::Docker,
            shaper: shaper.name(),
        }
    }

    /// The folder of this runner's results, such as `sim` or `docker-netem`.
    pub fn folder(self) -> String {
        match self.shaper {
            ShaperName::Link => self.name.to_string(),
            shaper => format!("{}-{shaper}", self.name),
        }
    }
}

impl Shaper {
    /// As rows and the command line write it.
    pub fn name(self) -> ShaperName {
        match self {
            Self::Netem => ShaperName::Netem,
            Self::Nfqueue => ShaperName::Nfqueue,
        }
    }
}
