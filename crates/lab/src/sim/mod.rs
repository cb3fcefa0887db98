//! The sim runner: `gbn` over `link` in virtual time, in this process. The same run gives the same bytes everywhere.

mod delays;
mod events;
mod network;
mod simulation;
mod stream;

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use self::simulation::Simulation;
use crate::plan::Run;
use crate::record::Measurement;
use crate::runner::{RunError, Runner, RunnerKind};

/// Simulates one run after another.
#[derive(Debug)]
pub struct SimRunner {
    /// Virtual time starts here. Only differences from it are ever used.
    epoch: Instant,
    cancelled: CancellationToken,
}

impl SimRunner {
    /// A simulator that stops in the middle of a run when it is `cancelled`.
    pub fn new(cancelled: CancellationToken) -> Self {
        Self {
            epoch: Instant::now(),
            cancelled,
        }
    }
}

impl Runner for SimRunner {
    fn kind(&self) -> RunnerKind {
        RunnerKind::Sim
    }

    fn run(&mut self, run: &Run) -> Result<Measurement, RunError> {
        Simulation::new(run, self.epoch)?.carry_out(&self.cancelled)
    }
}
