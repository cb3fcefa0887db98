//! Carries out a plan with several workers at once, and keeps the rows in the plan's order.

mod precision;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

pub use precision::Precision;

use crate::assess::assess;
use crate::plan::{Plan, Run};
use crate::record::RunRecord;
use crate::runner::{RunError, Runner};

/// A sweep cannot be resumed, because an existing row belongs to another sweep.
#[derive(Debug, thiserror::Error)]
#[error(
    "row {row} belongs to another sweep; start a new sweep in another folder, without --resume"
)]
pub struct ForeignRow {
    /// Row number from 1, without the header.
    pub row: usize,
}

/// Carries out `plan` and appends its rows to `records`. Before a row is appended, `on_record` is called with it and
/// with the number of runs that are planned so far. With `precision`, cells are repeated until they are precise enough.
///
/// Rows that are already in `records` are not measured again. Rows are always in the order of the plan, so a sweep
/// writes the same bytes with any number of workers and after any number of interruptions.
///
/// # Errors
/// The first [`RunError`] of a worker or error of `on_record`, or if `records` has rows of another plan. All rows
/// before the failed run are in `records`, and no further run is started.
pub fn carry_out(
    plan: &Plan,
    precision: Option<Precision>,
    mut workers: Vec<Box<dyn Runner>>,
    records: &mut Vec<RunRecord>,
    mut on_record: impl FnMut(&RunRecord, usize) -> anyhow::Result<()>,
) -> Result<(), RunError> {
    let mut cells_of_runs = Vec::new();
    let mut block = plan.runs.clone();
    let mut repetition = block.iter().map(|run| run.repetition).max().unwrap_or(0);
    while !block.is_empty() {
        cells_of_runs.extend(block.iter().map(|run| run.cell_index));
        let planned = cells_of_runs.len();
        let missing = unmeasured(records, &block)?;
        measure(missing, &mut workers, |record| {
            on_record(&record, planned)?;
            records.push(record);
            Ok(())
        })?;
        repetition += 1;
        block = precision.map_or_else(Vec::new, |precision| {
            let open = precision.open_cells(plan.cells.len(), &cells_of_runs, records);
            plan.repetition(repetition, planned, |cell| open[cell])
        });
    }
    Ok(())
}

/// The runs of `block` that have no row in `records` yet.
fn unmeasured<'a>(records: &[RunRecord], block: &'a [Run]) -> Result<&'a [Run], RunError> {
    let first = block.first().map_or(0, |run| run.index);
    let rows = records.get(first..).unwrap_or_default();
    for (run, row) in block.iter().zip(rows) {
        if !row.is_of(run) {
            let row = run.index + 1;
            return Err(anyhow::Error::new(ForeignRow { row }).into());
        }
    }
    Ok(&block[rows.len().min(block.len())..])
}

/// Carries out `runs` and passes their rows to `on_record` in order.
fn measure(
    runs: &[Run],
    workers: &mut [Box<dyn Runner>],
    mut on_record: impl FnMut(RunRecord) -> anyhow::Result<()>,
) -> Result<(), RunError> {
    let next = AtomicUsize::new(0);
    let (results, received) = mpsc::channel();
    thread::scope(|scope| {
        for worker in workers {
            let (next, results) = (&next, results.clone());
            scope.spawn(move || work(runs, &mut **worker, next, &results));
        }
        drop(results);
        let outcome = in_order(received, &mut on_record);
        next.store(runs.len(), Ordering::Relaxed);
        outcome
    })
}

/// The result of one run with its index among the runs.
type Numbered = (usize, Result<RunRecord, RunError>);

/// A worker: takes the next run until none is left or a run fails.
fn work(
    runs: &[Run],
    runner: &mut dyn Runner,
    next: &AtomicUsize,
    results: &mpsc::Sender<Numbered>,
) {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(run) = runs.get(index) else {
            return;
        };
        let measured = runner.run(run);
        let result = measured.map(|measured| assess(run, runner.kind(), &measured));
        if result.is_err() {
            next.store(runs.len(), Ordering::Relaxed);
        }
        if results.send((index, result)).is_err() {
            return;
        }
    }
}

/// Passes results to `on_record` in the order of the plan. Stops at the first error. Results that arrive too early are
/// kept.
fn in_order(
    received: mpsc::Receiver<Numbered>,
    on_record: &mut impl FnMut(RunRecord) -> anyhow::Result<()>,
) -> Result<(), RunError> {
    let mut early = BTreeMap::new();
    let mut expected = 0;
    for (index, result) in received {
        early.insert(index, result);
        while let Some(result) = early.remove(&expected) {
            on_record(result?)?;
            expected += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
