//! `compare`: what it finds in two folders, what it does not, and how it says so.

#![allow(clippy::unwrap_used)] // the helpers of a test may fail it

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use backroom_lab::compare::{Comparison, Verdict, compare};
use backroom_lab::plan::Plan;
use backroom_lab::record::RunRecord;
use backroom_lab::results::ResultsFolder;
use backroom_lab::runner::RunnerKind;
use backroom_lab::scenario::Scenario;
use backroom_sim::{Cast, Measurement};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The trials that the claim is about.
const TRIALS: u64 = 40;
/// More of them where it is about what hardly ever happens.
const MANY_TRIALS: u64 = 100;
/// Seeds of A's sweeps and of B's are far apart.
const OTHER_SWEEPS: u64 = 1_000_000;
/// A lossy cell with little noise.
const ONE_CELL: (u16, f64) = (20, 0.01);

fn segments(record: &RunRecord) -> u16 {
    record.cell.window.fixed().unwrap().segments()
}

/// Rows as a sweep of the built-in scenario `quick` writes them, but that their times are made up.
///
/// The noise is that of real sweeps: a few percent from loss, more with more of it, and next to none without, so that
/// many times are the same; now and then a run that takes much longer; and a machine that is a little faster or
/// slower for the whole sweep.
fn sweep(seed: u64, repetitions: u32, factor: impl Fn(&RunRecord) -> f64) -> Vec<RunRecord> {
    let mut scenario = Scenario::load("quick").unwrap();
    scenario.repetitions = repetitions;
    let plan = Plan::new(&scenario).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    let machine = 1.0 + 0.002 * normal();
    let row = |run| {
        let mut record = RunRecord::new(run, RunnerKind::SIM, &Measurement::default());
        let noise = match record.cell.loss {
            0.0 => 0.0005,
            loss => 0.02 + loss,
        };
        let outlier = if normal() > 1.7 { 0.3 } else { 0.0 };
        let usual = 40.0 / f64::from(segments(&record)) + 0.5 + 10.0 * record.cell.loss;
        let seconds =
            usual * machine * (1.0 + noise * (normal() + outlier / 0.02 * record.cell.loss));
        record.seconds = Some((seconds * factor(&record) * 1e3).round() / 1e3);
        record.ok = true;
        record
    };
    plan.runs.iter().map(row).collect()
}

/// In how many of `trials` pairs of sweeps, of which B takes `factor` as long, `found` says yes.
fn trials(
    trials: u64,
    repetitions: u32,
    factor: impl Fn(&RunRecord) -> f64,
    found: impl Fn(&Comparison) -> bool,
) -> usize {
    let yes = (0..trials)
        .filter(|seed| {
            let baseline = sweep(*seed, repetitions, |_| 1.0);
            let candidate = sweep(seed + OTHER_SWEEPS, repetitions, &factor);
            found(&compare(&baseline, &candidate))
        })
        .count();
    println!("{yes} of {trials} with {repetitions} runs a cell");
    yes
}

#[test]
fn a_slowdown_of_ten_percent_is_found_in_at_least_95_percent_of_trials() {
    let found = trials(TRIALS, 10, |_| 1.1, Comparison::has_regression);
    assert!(found >= 38, "{found} of {TRIALS}");
}

#[test]
fn a_slowdown_of_a_single_cell_is_found_there_and_nowhere_else() {
    let is_the_cell = |record: &RunRecord| {
        record.cell.cast == Cast::Unicast && (segments(record), record.cell.loss) == ONE_CELL
    };
    assert!(sweep(0, 1, |_| 1.0).iter().any(is_the_cell));
    let slowdown = |record: &RunRecord| if is_the_cell(record) { 1.1 } else { 1.0 };
    let exactly = |comparison: &Comparison| {
        comparison
            .cells
            .iter()
            .all(|cell| (cell.verdict == Verdict::Slower) == is_the_cell(&cell.example))
    };
    let found = trials(TRIALS, 10, slowdown, exactly);
    assert!(found >= 36, "{found} of {TRIALS}");
}

#[test]
fn five_runs_a_cell_are_enough_where_everything_became_slower() {
    let found = trials(TRIALS, 5, |_| 1.1, Comparison::has_regression);
    assert!(found >= 38, "{found} of {TRIALS}");
}

#[test]
fn where_nothing_changed_at_most_5_percent_of_comparisons_say_that_anything_did() {
    let any = |comparison: &Comparison| {
        comparison.count(Verdict::Slower) + comparison.count(Verdict::Faster) > 0
    };
    let alarms = trials(MANY_TRIALS, 10, |_| 1.0, any);
    assert!(
        alarms <= MANY_TRIALS as usize / 20,
        "{alarms} of {MANY_TRIALS}"
    );
}

#[test]
fn a_certain_difference_of_less_than_one_percent_is_none() {
    let found = trials(10, 10, |_| 1.004, Comparison::has_regression);
    assert_eq!(found, 0);
}

#[test]
fn what_became_faster_is_no_regression() {
    let comparison = compare(&sweep(1, 10, |_| 1.0), &sweep(2, 10, |_| 0.9));
    assert!(!comparison.has_regression());
    assert!(comparison.count(Verdict::Faster) > 24, "{comparison:?}");
}

#[test]
fn only_rows_that_are_ok_count() {
    let baseline = sweep(1, 10, |_| 1.0);
    let mut candidate = baseline.clone();
    for record in candidate.iter_mut().filter(|record| record.repetition > 6) {
        record.seconds = Some(1_000.0);
        record.ok = false;
    }
    let comparison = compare(&baseline, &candidate);
    assert!(!comparison.has_regression());
    let cell = &comparison.cells[0];
    assert_eq!(
        (cell.candidate.seconds.len(), cell.candidate.failed),
        (6, 4)
    );
}

#[test]
fn a_cell_that_completes_no_more_is_a_regression_and_one_that_was_not_tried_is_not() {
    let baseline = sweep(1, 10, |_| 1.0);
    let mut broken = baseline.clone();
    for record in broken.iter_mut().filter(|record| record.cell.loss == 0.0) {
        record.ok = false;
    }
    let comparison = compare(&baseline, &broken);
    assert_eq!(comparison.count(Verdict::Failed), 12);
    assert!(comparison.has_regression());

    let fewer: Vec<_> = baseline
        .iter()
        .filter(|record| record.cell.loss > 0.0)
        .cloned()
        .collect();
    let comparison = compare(&baseline, &fewer);
    assert_eq!(comparison.count(Verdict::Missing), 12);
    assert!(!comparison.has_regression());
}

#[test]
fn three_runs_are_too_few() {
    let comparison = compare(&sweep(1, 3, |_| 1.0), &sweep(2, 3, |_| 2.0));
    assert_eq!(
        comparison.count(Verdict::TooFewRuns),
        comparison.cells.len()
    );
    assert!(!comparison.has_regression());
}

/// A folder in `dir` with `records`.
fn folder(dir: &Path, name: &str, records: &[RunRecord]) -> String {
    let path = dir.join(name);
    let mut runs = ResultsFolder::open(&path).unwrap().runs().unwrap();
    for record in records {
        runs.write(record).unwrap();
    }
    path.to_str().unwrap().to_owned()
}

fn lab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backroom-lab"))
        .arg("compare")
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_exit_status_is_1_on_a_regression_and_0_without_one() {
    let dir = tempfile::tempdir().unwrap();
    let a = folder(dir.path(), "a", &sweep(1, 10, |_| 1.0));
    let b = folder(dir.path(), "b", &sweep(2, 10, |_| 1.1));
    let slower = lab(&[&a, &b]);
    assert_eq!(slower.status.code(), Some(1), "{}", said(&slower));
    assert!(
        said(&slower).contains("Regression: slower in"),
        "{}",
        said(&slower)
    );
    assert!(slower.stderr.is_empty(), "a finding is no error");
    assert_eq!(lab(&[&b, &a]).status.code(), Some(0));
    let same = lab(&[&a, &a]);
    assert_eq!(same.status.code(), Some(0));
    assert!(
        said(&same).contains("No difference was found"),
        "{}",
        said(&same)
    );
}

#[test]
fn a_last_row_that_a_killed_sweep_tore_is_left_out_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let rows = sweep(1, 10, |_| 1.0);
    let a = folder(dir.path(), "a", &rows);
    let b = folder(dir.path(), "b", &rows);
    let file = Path::new(&b).join("runs.csv");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 20]).unwrap();
    let compared = lab(&[&a, &b]);
    assert_eq!(compared.status.code(), Some(0), "{}", said(&compared));
    assert!(
        said(&compared).contains("the last row of"),
        "{}",
        said(&compared)
    );
}

#[test]
fn the_answer_does_not_depend_on_the_order_of_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let baseline = sweep(1, 10, |_| 1.0);
    let mut candidate = sweep(2, 10, |_| 1.05);
    let a = folder(dir.path(), "a", &baseline);
    let b = folder(dir.path(), "b", &candidate);
    let first = said(&lab(&[&a, &b]));
    assert_eq!(said(&lab(&[&a, &b])), first);
    candidate.sort_by_key(|record| (record.repetition, u16::MAX - segments(record)));
    let sorted = folder(dir.path(), "sorted", &candidate);
    assert_eq!(verdicts(&said(&lab(&[&a, &sorted]))), verdicts(&first));
}

/// Cells with their verdicts: the ends of the intervals depend on which runs the bootstrap draws.
fn verdicts(text: &str) -> Vec<(String, String)> {
    let word = |line: &str| line.split_whitespace().last().map(str::to_owned);
    text.lines()
        .filter(|line| line.contains(" loss, "))
        .filter_map(|line| Some((line.split("  ").next()?.to_owned(), word(line)?)))
        .collect()
}

#[test]
fn markdown_begins_with_the_summary_and_folds_what_did_not_change() {
    let dir = tempfile::tempdir().unwrap();
    let slow = |record: &RunRecord| if segments(record) == 2 { 1.3 } else { 1.0 };
    let a = folder(dir.path(), "a", &sweep(1, 10, |_| 1.0));
    let b = folder(dir.path(), "b", &sweep(2, 10, slow));
    let text = said(&lab(&[&a, &b, "--format", "markdown"]));
    assert!(
        text.starts_with("**Regression: slower in 12 cells. Of 48 cells:"),
        "{text}"
    );
    assert!(
        text.contains("<details><summary>36 cells without a change</summary>\n\n|"),
        "{text}"
    );
    let tables = text.lines().filter(|line| line.starts_with('|'));
    let widths: Vec<_> = tables.map(|line| line.matches('|').count()).collect();
    assert!(widths.iter().all(|width| *width == 10), "{text}");
    assert_eq!(widths.len(), 48 + 2 * 2);
}

#[test]
fn a_folder_without_results_is_refused_with_a_better_one_named() {
    let dir = tempfile::tempdir().unwrap();
    let a = folder(dir.path(), "window/sim", &sweep(1, 4, |_| 1.0));
    let outer = dir.path().join("window");
    let refused = lab(&[outer.to_str().unwrap(), &a]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused).contains(&format!("did you mean {a}?")),
        "{}",
        said(&refused)
    );
}

#[test]
fn folders_without_a_common_cell_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other): (Vec<_>, Vec<_>) = sweep(1, 4, |_| 1.0)
        .into_iter()
        .partition(|record| segments(record) == 2);
    let a = folder(dir.path(), "a", &one);
    let b = folder(dir.path(), "b", &other);
    let refused = lab(&[&a, &b]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused).contains("no cell in common"),
        "{}",
        said(&refused)
    );
}
