//! A plan carried out: by several workers at once, its rows in the order of the plan.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::plan::{Plan, Run};
use crate::record::RunRecord;
use crate::runner::{RunError, Runner};

/// Carries out every run of `plan` and hands each row to `on_record` as soon as all rows before it have been.
///
/// With one worker that is as each run ends. With several the rows come in the same order, so that a sweep writes the
/// same bytes however many there are.
///
/// # Errors
/// The first [`RunError`] of a worker or of `on_record`. What was measured before it has been handed over; no further
/// run is begun.
pub fn carry_out(
    plan: &Plan,
    workers: Vec<Box<dyn Runner>>,
    mut on_record: impl FnMut(&RunRecord) -> anyhow::Result<()>,
) -> Result<(), RunError> {
    let next = AtomicUsize::new(0);
    let (results, arriving) = mpsc::channel();
    thread::scope(|scope| {
        for worker in workers {
            let (next, results) = (&next, results.clone());
            scope.spawn(move || work(plan, worker, next, &results));
        }
        drop(results);
        let outcome = in_order(arriving, &mut on_record);
        next.store(plan.runs.len(), Ordering::Relaxed);
        outcome
    })
}

/// The result of one run, with its place in the plan.
type Numbered = (usize, Result<RunRecord, RunError>);

/// Takes the next run that nobody has taken, until none is left or one of them ends the sweep.
fn work(
    plan: &Plan,
    mut runner: Box<dyn Runner>,
    next: &AtomicUsize,
    results: &mpsc::Sender<Numbered>,
) {
    while let Some(run) = plan.runs.get(next.fetch_add(1, Ordering::Relaxed)) {
        let result = carry_out_one(&mut *runner, run);
        if result.is_err() {
            next.store(plan.runs.len(), Ordering::Relaxed);
        }
        if results.send((run.index, result)).is_err() {
            return;
        }
    }
}

fn carry_out_one(runner: &mut dyn Runner, run: &Run) -> Result<RunRecord, RunError> {
    let measurement = runner.run(run)?;
    Ok(RunRecord::new(run, runner.kind(), &measurement))
}

/// Hands results over in the order of the plan, until all have come or one is an error.
fn in_order(
    arriving: mpsc::Receiver<Numbered>,
    on_record: &mut impl FnMut(&RunRecord) -> anyhow::Result<()>,
) -> Result<(), RunError> {
    let mut early = BTreeMap::new();
    let mut due = 0;
    for (place, result) in arriving {
        early.insert(place, result);
        while let Some(result) = early.remove(&due) {
            on_record(&result?)?;
            due += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::Measurement;
    use crate::runner::RunnerKind;
    use crate::scenario::Scenario;

    /// Measures at once, but the earlier runs of the plan take longest.
    struct Backwards {
        runs: usize,
        breaks_at: Option<usize>,
    }

    impl Runner for Backwards {
        fn kind(&self) -> RunnerKind {
            RunnerKind::Sim
        }

        fn run(&mut self, run: &Run) -> Result<Measurement, RunError> {
            if self.breaks_at == Some(run.index) {
                return Err(RunError::Broken(anyhow::anyhow!("broken")));
            }
            thread::sleep(Duration::from_micros(100 * (self.runs - run.index) as u64));
            Ok(Measurement {
                seconds: Some(1.0),
                ..Measurement::default()
            })
        }
    }

    fn sweep(
        workers: usize,
        breaks_at: Option<usize>,
    ) -> (Plan, Vec<RunRecord>, Result<(), RunError>) {
        let text = "title = 'x'\nrepetitions = 3\n[axes]\nwindow = [1, 2, 3, 4]";
        let plan = Plan::new(&Scenario::parse("test", text).unwrap()).unwrap();
        let runs = plan.runs.len();
        let workers: Vec<Box<dyn Runner>> = (0..workers)
            .map(|_| Box::new(Backwards { runs, breaks_at }) as Box<dyn Runner>)
            .collect();
        let mut records = Vec::new();
        let outcome = carry_out(&plan, workers, |record| {
            records.push(record.clone());
            Ok(())
        });
        (plan, records, outcome)
    }

    #[test]
    fn rows_come_in_the_order_of_the_plan_from_any_number_of_workers() {
        for workers in [1, 2, 5, 40] {
            let (plan, records, outcome) = sweep(workers, None);
            outcome.unwrap();
            let got: Vec<_> = records
                .iter()
                .map(|record| (record.repetition, record.window))
                .collect();
            let planned: Vec<_> = plan
                .runs
                .iter()
                .map(|run| (run.repetition, u32::from(run.cell.window.segments())))
                .collect();
            assert_eq!(got, planned, "{workers} workers");
        }
    }

    #[test]
    fn a_broken_runner_ends_the_sweep_and_keeps_what_came_before() {
        let (_, records, outcome) = sweep(1, Some(5));
        assert!(matches!(outcome, Err(RunError::Broken(_))));
        assert_eq!(records.len(), 5);
    }
}
