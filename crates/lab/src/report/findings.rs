//! Findings: conclusions from the numbers, in sentences.

mod deliveries;

use backroom_sim::Axis;
use backroom_vocabulary::format_number;

use super::Report;
use crate::assess::{DIFFERENCE, SMALL_DIFFERENCE};
use crate::labels;
use crate::record::RunRecord;
use crate::scenario::Quantity;
use crate::statistics::{self, CellSummary, grouped};

/// Smaller relative differences do not count.
const ALIKE: f64 = 0.01;
/// More settings than this are summarised.
const MOST_SETTINGS: usize = 6;

pub(super) fn findings(report: &Report<'_>) -> Vec<(&'static str, Vec<String>)> {
    let cells = report.cells;
    let varying = &varying(cells);
    let (model, simulator) = (CellSummary::model_difference, CellSummary::sim_difference);
    let mut findings = vec![
        (
            "Best window for each loss rate",
            best_windows(cells, varying),
        ),
        ("Fastest delivery", deliveries::fastest(cells, varying)),
        ("Cost of timer and recovery", recoveries(cells, varying)),
        ("Where going back costs most", going_back(cells, varying)),
        (
            "Difference from the model",
            differences(cells, varying, model, "the model"),
        ),
        (
            "Difference from the simulator",
            differences(cells, varying, simulator, "the simulator"),
        ),
    ];
    findings.retain(|(_, sentences)| !sentences.is_empty());
    findings
}

/// The axes on which the cells differ. The number of receivers is left out if the cast determines it.
pub(super) fn varying(cells: &[CellSummary]) -> Vec<Axis> {
    let mut axes = statistics::varying(cells.iter().map(|cell| &cell.first.cell));
    let determined_by_cast = axes.contains(&Axis::CAST)
        && grouped(cells, &[Axis::CAST])
            .iter()
            .all(|group| grouped(group.iter().copied(), &[Axis::RECEIVERS]).len() == 1);
    axes.retain(|axis| *axis != Axis::RECEIVERS || !determined_by_cast);
    axes
}

/// `varying` without `axes`.
fn without(varying: &[Axis], axes: &[Axis]) -> Vec<Axis> {
    let mut rest = varying.to_vec();
    rest.retain(|axis| !axes.contains(axis));
    rest
}

fn goodput(cell: &CellSummary) -> Option<f64> {
    Some(cell.goodput_mbps?.median)
}

fn seconds(cell: &CellSummary) -> Option<f64> {
    Some(cell.seconds?.median)
}

fn named(axes: &[Axis], record: &RunRecord) -> String {
    match labels::phrases(axes, &record.cell) {
        all if all.is_empty() => "the only setting".to_owned(),
        all => all,
    }
}

/// For each loss rate the smallest window within 1 % of the best.
fn best_windows(cells: &[CellSummary], varying: &[Axis]) -> Vec<String> {
    if !varying.contains(&Axis::WINDOW) {
        return Vec::new();
    }
    let rest = without(varying, &[Axis::WINDOW, Axis::LOSS]);
    let mut rates = grouped(cells, &[Axis::LOSS]);
    rates.sort_by(|one, other| loss(one).total_cmp(&loss(other)));
    rates
        .iter()
        .filter_map(|rate| {
            let best: Vec<_> = grouped(rate.iter().copied(), &rest)
                .iter()
                .filter_map(|setting| best_window(setting))
                .collect();
            let first = best.first()?;
            let loss = Axis::LOSS.phrase(&first.first.cell);
            let windows_found: Vec<_> = best
                .iter()
                .filter_map(|cell| {
                    let setting = match rest.is_empty() {
                        true => String::new(),
                        false => format!("{}: ", labels::phrases(&rest, &cell.first.cell)),
                    };
                    let goodput = format_number(goodput(cell)?);
                    Some(format!(
                        "{setting}window {} ({goodput} Mbit/s)",
                        cell.first.cell.window
                    ))
                })
                .collect();
            if windows_found.len() <= MOST_SETTINGS {
                return Some(format!("With {loss}: {}.", windows_found.join("; ")));
            }
            let windows = || best.iter().map(|cell| cell.first.cell.window);
            let (low, high) = (windows().min()?, windows().max()?);
            Some(format!(
                "With {loss}: {low} to {high} segments, depending on the other settings ({} in total).",
                windows_found.len()
            ))
        })
        .collect()
}

fn loss(cells: &[&CellSummary]) -> f64 {
    cells.first().map_or(0.0, |cell| cell.first.cell.loss)
}

fn best_window<'a>(cells: &[&'a CellSummary]) -> Option<&'a CellSummary> {
    let highest = cells
        .iter()
        .filter_map(|cell| goodput(cell))
        .reduce(f64::max)?;
    cells
        .iter()
        .filter(|cell| goodput(cell).is_some_and(|goodput| goodput >= highest * (1.0 - ALIKE)))
        .min_by_key(|cell| cell.first.cell.window)
        .copied()
}

/// Compares the slowest recovery rule with the fastest, at the highest loss rate.
fn recoveries(cells: &[CellSummary], varying: &[Axis]) -> Vec<String> {
    const RULES: [Axis; 2] = [Axis::RECOVERY, Axis::TIMEOUT];
    let rules: Vec<_> = RULES
        .into_iter()
        .filter(|axis| varying.contains(axis))
        .collect();
    if rules.is_empty() {
        return Vec::new();
    }
    let rest = without(varying, &rules);
    let worst = cells
        .iter()
        .map(|cell| cell.first.cell.loss)
        .fold(0.0, f64::max);
    let lossy = cells.iter().filter(|cell| cell.first.cell.loss == worst);
    grouped(lossy, &rest)
        .iter()
        .take(2 * MOST_SETTINGS)
        .filter_map(|setting| {
            let timed = || {
                setting
                    .iter()
                    .filter_map(|cell| Some((seconds(cell)?, cell)))
            };
            let (best, fastest) = timed().min_by(|one, other| one.0.total_cmp(&other.0))?;
            let (most, slowest) = timed().max_by(|one, other| one.0.total_cmp(&other.0))?;
            Some(format!(
                "{}: {} takes {:.1} times as long ({} s) as {} ({} s).",
                named(&rest, &fastest.first),
                labels::phrases(&rules, &slowest.first.cell),
                most / best,
                format_number(most),
                labels::phrases(&rules, &fastest.first.cell),
                format_number(best),
            ))
        })
        .collect()
}

fn going_back(cells: &[CellSummary], varying: &[Axis]) -> Vec<String> {
    let sent = |cell: &CellSummary| Some(cell.of_quantity(Quantity::Transmissions)?.median);
    let costs = cells.iter().filter_map(|cell| Some((sent(cell)?, cell)));
    let Some((most, worst)) = costs.max_by(|one, other| one.0.total_cmp(&other.0)) else {
        return Vec::new();
    };
    if most <= 1.0 + ALIKE {
        return vec!["Nowhere. Almost nothing was sent twice.".to_owned()];
    }
    let share = format_number((1.0 - 1.0 / most) * 100.0);
    vec![format!(
        "With {}: each segment was sent {} times on average, so {share} % of all transmissions were repetitions.",
        named(varying, &worst.first),
        format_number(most)
    )]
}

fn differences(
    cells: &[CellSummary],
    varying: &[Axis],
    difference: fn(&CellSummary) -> Option<f64>,
    reference: &str,
) -> Vec<String> {
    let pairs = cells
        .iter()
        .filter_map(|cell| Some((cell, difference(cell)?)));
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by(|one, other| one.1.abs().total_cmp(&other.1.abs()));
    let Some((farthest, difference)) = pairs.last() else {
        return Vec::new();
    };
    let within = |limit: f64| {
        let close = pairs.iter().filter(|(_, part)| part.abs() <= limit);
        close.count()
    };
    let median = statistics::Spread::of(pairs.iter().map(|(_, difference)| difference.abs()));
    let mut sentences = vec![format!(
        "{} of {} cells are within 10 % of {reference}, {} within 5 %. The median difference is {} %.",
        within(DIFFERENCE),
        pairs.len(),
        within(SMALL_DIFFERENCE),
        format_number(median.map_or(0.0, |spread| spread.median) * 100.0)
    )];
    if difference.abs() > DIFFERENCE {
        let cause = match farthest.cause {
            None => String::new(),
            Some(cause) => format!(" (likely cause: {cause})"),
        };
        sentences.push(format!(
            "The largest difference is {:+.0} %, with {}{cause}.",
            difference * 100.0,
            named(varying, &farthest.first)
        ));
    }
    sentences
}
