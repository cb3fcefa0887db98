//! A plan carried out: by several workers at once, its rows in the order of the plan.

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

/// A sweep can't go on after rows that are not its own.
#[derive(Debug, thiserror::Error)]
#[error("row {row} is of another sweep than this one; leave out --resume to replace it")]
pub struct ForeignRow {
    /// From 1, without the header.
    pub row: usize,
}

/// Carries `plan` out and puts each row into `records` as soon as all rows before it are there, after `on_record` has had
/// it with the number of runs that are planned so far. With `precision`, cells that it does not hold for yet are repeated.
///
/// Rows that are in `records` already are not measured again. With one worker rows come as each run ends; with several
/// they come in the same order, so that a sweep writes the same bytes however many there are, and however often it was
/// broken off.
///
/// # Errors
/// The first [`RunError`] of a worker or of `on_record`, or that `records` holds rows of another plan. What was measured
/// before it has been handed over; no further run is begun.
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
        let missing = without_those_in(records, &block)?;
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

/// The runs of `block` that have no row yet.
fn without_those_in<'a>(records: &[RunRecord], block: &'a [Run]) -> Result<&'a [Run], RunError> {
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

/// Carries `runs` out, and hands their rows over in their order.
fn measure(
    runs: &[Run],
    workers: &mut [Box<dyn Runner>],
    mut on_record: impl FnMut(RunRecord) -> anyhow::Result<()>,
) -> Result<(), RunError> {
    let next = AtomicUsize::new(0);
    let (results, arriving) = mpsc::channel();
    thread::scope(|scope| {
        for worker in workers {
            let (next, results) = (&next, results.clone());
            scope.spawn(move || work(runs, &mut **worker, next, &results));
        }
        drop(results);
        let outcome = in_order(arriving, &mut on_record);
        next.store(runs.len(), Ordering::Relaxed);
        outcome
    })
}

/// The result of one run, with its place among those that are carried out.
type Numbered = (usize, Result<RunRecord, RunError>);

/// Takes the next run that nobody has taken, until none is left or one of them ends the sweep.
fn work(
    runs: &[Run],
    runner: &mut dyn Runner,
    next: &AtomicUsize,
    results: &mpsc::Sender<Numbered>,
) {
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        let Some(run) = runs.get(place) else {
            return;
        };
        let result = carry_out_one(runner, run);
        if result.is_err() {
            next.store(runs.len(), Ordering::Relaxed);
        }
        if results.send((place, result)).is_err() {
            return;
        }
    }
}

fn carry_out_one(runner: &mut dyn Runner, run: &Run) -> Result<RunRecord, RunError> {
    let measurement = runner.run(run)?;
    Ok(assess(run, runner.kind(), &measurement))
}

/// Hands results over in the order of the plan, until all have come or one is an error.
fn in_order(
    arriving: mpsc::Receiver<Numbered>,
    on_record: &mut impl FnMut(RunRecord) -> anyhow::Result<()>,
) -> Result<(), RunError> {
    let mut early = BTreeMap::new();
    let mut due = 0;
    for (place, result) in arriving {
        early.insert(place, result);
        while let Some(result) = early.remove(&due) {
            on_record(result?)?;
            due += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
