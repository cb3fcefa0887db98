use std::collections::HashMap;
use std::time::Duration;

use backroom_gbn::WindowSetting;
use backroom_sim::Measurement;

use super::*;
use crate::runner::RunnerKind;
use crate::scenario::Scenario;
use crate::statistics::Interval;

fn segments(window: WindowSetting) -> u16 {
    window.fixed().unwrap().segments()
}

/// A runner that takes longest for the earlier runs of a block. Window 1 has no noise, 2 has some, 3 more, and 4 never
/// completes.
struct Backwards {
    breaks_at: Option<usize>,
}

impl Runner for Backwards {
    fn kind(&self) -> RunnerKind {
        RunnerKind::SIM
    }

    fn run(&mut self, run: &Run) -> Result<Measurement, RunError> {
        if self.breaks_at == Some(run.index) {
            return Err(RunError::Broken(anyhow::anyhow!("broken")));
        }
        thread::sleep(Duration::from_micros(100 * (3 - run.index as u64 % 4)));
        let noise = match segments(run.cell.window) {
            1 => 0.0,
            2 => 0.03,
            _ => 0.5,
        };
        // A different value for each seed, between 0 and 1.
        let chance = run.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) as f64 / u64::MAX as f64;
        Ok(Measurement {
            seconds: (segments(run.cell.window) < 4).then_some(1.0 + noise * chance),
            ..Measurement::default()
        })
    }
}

fn plan(seed: u64) -> Plan {
    let text =
        format!("title = 'x'\nseed = {seed}\nrepetitions = 3\n[axes]\nwindow = [1, 2, 3, 4]");
    Plan::new(&Scenario::parse("test", &text).unwrap()).unwrap()
}

fn workers(number: usize, breaks_at: Option<usize>) -> Vec<Box<dyn Runner>> {
    (0..number)
        .map(|_| Box::new(Backwards { breaks_at }) as Box<dyn Runner>)
        .collect()
}

/// All rows of a sweep that is resumed after the rows in `before`.
fn sweep(precision: Option<Precision>, number: usize, before: &[RunRecord]) -> Vec<RunRecord> {
    let mut records = before.to_vec();
    carry_out(
        &plan(1),
        precision,
        workers(number, None),
        &mut records,
        |_, _| Ok(()),
    )
    .unwrap();
    records
}

fn five_percent() -> Option<Precision> {
    Some("5%".parse().unwrap())
}

#[test]
fn any_number_of_workers_keeps_the_order_of_the_plan() {
    for number in [1, 2, 5, 40] {
        let records = sweep(None, number, &[]);
        let plan = plan(1);
        assert_eq!(records.len(), plan.runs.len());
        for (record, run) in records.iter().zip(&plan.runs) {
            assert!(record.is_of(run), "{number} workers: {record:?}");
        }
    }
}

#[test]
fn a_broken_runner_ends_the_sweep_and_keeps_earlier_rows() {
    let mut records = Vec::new();
    let outcome = carry_out(&plan(1), None, workers(1, Some(5)), &mut records, |_, _| {
        Ok(())
    });
    assert!(matches!(outcome, Err(RunError::Broken(_))));
    assert_eq!(records.len(), 5);
}

#[test]
fn cells_are_repeated_until_their_interval_is_narrow_or_after_thirty_runs() {
    let mut runs = HashMap::new();
    for record in sweep(five_percent(), 2, &[]) {
        *runs.entry(segments(record.cell.window)).or_insert(0) += 1;
    }
    assert_eq!(
        runs[&1],
        Interval::MIN_VALUES,
        "the fewest that have an interval"
    );
    assert_eq!(runs[&2], Interval::MIN_VALUES);
    assert_eq!(runs[&3], Precision::MAX_RUNS);
    assert_eq!(runs[&4], 3, "it fails with any seed");
}

#[test]
fn an_interrupted_sweep_resumes_to_the_same_rows() {
    let whole = sweep(five_percent(), 1, &[]);
    for kept in 0..=whole.len() {
        let resumed = sweep(five_percent(), 3, &whole[..kept]);
        assert!(resumed == whole, "interrupted after {kept} rows");
    }
}

#[test]
fn a_sweep_does_not_resume_after_rows_of_another_plan() {
    let mut records = sweep(None, 1, &[]);
    records.truncate(4);
    let outcome = carry_out(
        &plan(2),
        None,
        workers(1, None),
        &mut records,
        |_, _| Ok(()),
    );
    let message = outcome.unwrap_err().to_string();
    assert!(
        message.contains("row 1 belongs to another sweep"),
        "{message}"
    );
}
