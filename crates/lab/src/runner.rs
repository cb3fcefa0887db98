//! What carries runs out: the simulator, or containers.

use crate::plan::Run;
use crate::record::Measurement;

/// Carries out one run after another. Several of them may work at a plan at the same time.
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
    /// Somebody asked for it.
    #[error("interrupted")]
    Cancelled,
    /// What carries runs out does not work any more, or never did.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}

/// Which runner, with what shapes its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerKind {
    /// Virtual time in this process.
    Sim,
    /// The real programs in containers.
    Docker(Shaper),
}

/// What shapes the containers' network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shaper {
    /// The kernel's own emulator.
    Netem,
    /// The link model in user space, deciding packet by packet.
    Nfqueue,
}

impl RunnerKind {
    /// The column `runner`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Docker(_) => "docker",
        }
    }

    /// The column `shaper`.
    pub fn shaper(self) -> &'static str {
        match self {
            Self::Sim => "link",
            Self::Docker(shaper) => shaper.name(),
        }
    }

    /// The folder of this runner's results: `sim`, `docker-netem` or `docker-nfqueue`.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Docker(Shaper::Netem) => "docker-netem",
            Self::Docker(Shaper::Nfqueue) => "docker-nfqueue",
        }
    }
}

impl Shaper {
    /// As the command line and the column `shaper` write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Netem => "netem",
            Self::Nfqueue => "nfqueue",
        }
    }
}
