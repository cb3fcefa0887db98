//! The runner `sim`: `backroom-sim` in this process.

use std::thread;
use std::time::{Duration, Instant};

use backroom_sim::Measurement;
use backroom_sim::simulation::simulate;
use backroom_vocabulary::trace::Step;
use tokio_util::sync::CancellationToken;

use crate::plan::{Plan, Run};
use crate::runner::{
    Backend, ClockName, RunError, Runner, RunnerKind, RunnerName, RunnerOptions, Runners,
    Unavailable,
};

/// The simulator, by default with a worker for each processor.
#[derive(Debug)]
pub struct Simulator;

impl Backend for Simulator {
    fn name(&self) -> RunnerName {
        RunnerName::Sim
    }

    fn clock(&self) -> ClockName {
        RunnerKind::SIM.clock
    }

    fn description(&self) -> &'static str {
        "Virtual time in this process: no privileges, no Docker, hundreds of runs a second"
    }

    fn probe(&self, _: &RunnerOptions, _: Duration) -> Result<String, Unavailable> {
        Ok("the simulator".to_owned())
    }

    fn start(
        &self,
        _: &Plan,
        options: &RunnerOptions,
        cancelled: &CancellationToken,
    ) -> Result<Runners, RunError> {
        let processors = || thread::available_parallelism().map_or(1, usize::from);
        let worker = |_| Box::new(SimRunner(cancelled.clone())) as Box<dyn Runner>;
        let count = options.jobs.unwrap_or_else(processors);
        Ok(Runners {
            kind: RunnerKind::SIM,
            workers: (0..count).map(worker).collect(),
            engine: None,
        })
    }
}

/// Simulates one run after another. Stops, even during a run, when the token is cancelled.
#[derive(Debug)]
pub struct SimRunner(CancellationToken);

impl Runner for SimRunner {
    fn kind(&self) -> RunnerKind {
        RunnerKind::SIM
    }

    fn run(&mut self, run: &Run) -> Result<Measurement, RunError> {
        observe(run, |_| {}, &self.0)
    }
}

/// Simulates `run` and reports every step to `observer`.
///
/// # Errors
/// [`RunError::Cancelled`] if `cancelled` comes first.
pub(crate) fn observe(
    run: &Run,
    observer: impl FnMut(Step),
    cancelled: &CancellationToken,
) -> Result<Measurement, RunError> {
    if cancelled.is_cancelled() {
        return Err(RunError::Cancelled);
    }
    let keep_going = || !cancelled.is_cancelled();
    simulate(&run.cell, run.seed, Instant::now(), observer, keep_going).ok_or(RunError::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::scenario::Scenario;

    #[test]
    fn a_cancelled_simulator_begins_no_run() {
        let plan = Plan::new(&Scenario::parse("test", "title = 'x'").unwrap()).unwrap();
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        let outcome = SimRunner(cancelled).run(&plan.runs[0]);
        assert!(matches!(outcome, Err(RunError::Cancelled)));
    }
}
