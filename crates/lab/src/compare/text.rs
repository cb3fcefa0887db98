//! Formats a comparison as text.

use std::fmt::Write;

use backroom_vocabulary::format_number;
use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};
use strum::VariantArray;

use super::verdict::runs_needed;
use super::{ComparedCell, Comparison, FALSE_ALARMS, FLOOR, Folder, Runs, SameSeed, Verdict};
use crate::labels;
use crate::statistics::{self, Spread};

/// Number of unchanged cells to list. A comment on a pull request is limited to 65,536 characters.
const MAX_UNCHANGED: usize = 300;

/// Output format of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    Table,
    /// For a comment on a pull request
    Markdown,
}

/// Formats `comparison` with the origin of both folders.
pub fn render(
    comparison: &Comparison,
    baseline: &Folder,
    candidate: &Folder,
    format: Format,
) -> String {
    let summary = summary(comparison);
    let origins = origins(baseline, candidate);
    let method = method(comparison);
    match format {
        Format::Table => {
            let all: Vec<_> = comparison.cells.iter().collect();
            let table = table(comparison, &all, format);
            format!(
                "{}\n\n{table}\n\n{method}\n\n{summary}\n",
                origins.join("\n")
            )
        }
        Format::Markdown => markdown(comparison, &summary, &origins, &method),
    }
}

/// Lists the changed cells, and all others in a collapsed section.
fn markdown(comparison: &Comparison, summary: &str, origins: &[String], method: &str) -> String {
    let mut text = format!("**{summary}**\n\n");
    for line in origins {
        let _ = writeln!(text, "- {line}");
    }
    let (mut changed, mut rest): (Vec<_>, Vec<_>) = comparison
        .cells
        .iter()
        .partition(|cell| cell.verdict <= Verdict::Faster);
    changed.sort_by_key(|cell| cell.verdict);
    if !changed.is_empty() {
        let table = table(comparison, &changed, Format::Markdown);
        let _ = write!(text, "\n{table}\n");
    }
    if !rest.is_empty() {
        let unlisted = rest.len().saturating_sub(MAX_UNCHANGED);
        rest.truncate(MAX_UNCHANGED);
        let table = table(comparison, &rest, Format::Markdown);
        let _ = write!(
            text,
            "\n<details><summary>{} without a change</summary>\n\n{table}\n",
            cells(rest.len() + unlisted)
        );
        if unlisted > 0 {
            let _ = write!(text, "\n{} more are not listed.\n", cells(unlisted));
        }
        text.push_str("\n</details>\n");
    }
    let _ = write!(text, "\n<sub>{method}</sub>\n");
    text
}

fn summary(comparison: &Comparison) -> String {
    let count = |verdict| comparison.count(verdict);
    let (slower, failed) = (count(Verdict::Slower), count(Verdict::Failed));
    let (few, missing) = (count(Verdict::TooFewRuns), count(Verdict::Missing));
    let verdict = match (slower, failed, count(Verdict::Faster)) {
        (0, 0, 0) if count(Verdict::Same) == 0 => "Inconclusive".to_owned(),
        (0, 0, 0) => "No difference was found".to_owned(),
        (0, 0, faster) => format!("Faster in {}", cells(faster)),
        (0, failed, _) => format!("Regression: {} no longer completed", cells(failed)),
        (slower, 0, _) => format!("Regression: slower in {}", cells(slower)),
        (slower, failed, _) => format!(
            "Regression: slower in {}, and {} no longer completed",
            cells(slower),
            cells(failed)
        ),
    };
    let counts: Vec<_> = Verdict::VARIANTS
        .iter()
        .filter(|verdict| count(**verdict) > 0)
        .map(|verdict| format!("{} {verdict}", count(*verdict)))
        .collect();
    let mut text = format!(
        "{verdict}. Of {}: {}.",
        cells(comparison.cells.len()),
        counts.join(", ")
    );
    if let Some((which, cell, ratio)) = extreme(comparison) {
        let label = label(comparison, cell);
        let _ = write!(text, " {which}: {label}, {} times as long.", times(ratio));
    }
    if let Some(mean) = geometric_mean(comparison) {
        let _ = write!(text, " All together: {} times as long.", times(mean));
    }
    let SameSeed { pairs, alike } = comparison.same_seed;
    if pairs > 0 {
        let _ = write!(
            text,
            " Of {pairs} pairs of runs with the same seed, {alike} differ by at most {} %.",
            FLOOR * 100.0
        );
    }
    if few > 0 {
        let runs = runs_needed(comparison.cells.len() - missing);
        let _ = write!(
            text,
            " With at least {runs} runs per cell in A and B, a difference in any single cell can be detected."
        );
    }
    text
}

/// The slowest of the slower cells, or else the fastest of the faster ones, with its ratio.
fn extreme(comparison: &Comparison) -> Option<(&'static str, &ComparedCell, f64)> {
    let of = |verdict| {
        comparison
            .cells
            .iter()
            .filter(move |cell| cell.verdict == verdict)
            .filter_map(|cell| Some((cell, cell.ratio?.estimate)))
    };
    let worst = of(Verdict::Slower).max_by(|(_, one), (_, other)| one.total_cmp(other));
    let best = of(Verdict::Faster).min_by(|(_, one), (_, other)| one.total_cmp(other));
    match (worst, best) {
        (Some((cell, ratio)), _) => Some(("Worst", cell, ratio)),
        (None, Some((cell, ratio))) => Some(("Best", cell, ratio)),
        (None, None) => None,
    }
}

/// The geometric mean of the ratios of all cells that have one. `None` with fewer than two.
fn geometric_mean(comparison: &Comparison) -> Option<f64> {
    let logarithms: Vec<_> = comparison
        .cells
        .iter()
        .filter_map(|cell| Some(cell.ratio?.estimate.ln()))
        .collect();
    (logarithms.len() > 1).then(|| (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp())
}

/// The origin of both folders, and differences other than the code.
fn origins(baseline: &Folder, candidate: &Folder) -> Vec<String> {
    let line = |name: &str, folder: &Folder| {
        let mut parts = vec![folder.path.display().to_string()];
        parts.extend(folder.runners());
        let manifest = folder.manifest.as_ref();
        parts.extend(manifest.map(|manifest| format!("commit {}", manifest.commit)));
        format!("{name}: {}", parts.join(", "))
    };
    let mut lines = vec![line("A", baseline), line("B", candidate)];
    if baseline.runners() != candidate.runners() {
        lines.push(
            "The runners differ, so the code may not be the cause of a difference.".to_owned(),
        );
    }
    let machine = |folder: &Folder| {
        let host = &folder.manifest.as_ref()?.host;
        Some((host.kernel.clone(), host.processor.clone(), host.cores))
    };
    let machines = machine(baseline).zip(machine(candidate));
    if machines.is_some_and(|(one, other)| one != other) {
        lines.push(
            "The machines or kernels differ, so the code may not be the cause of a difference."
                .to_owned(),
        );
    }
    lines
}

/// Explains how the verdicts are derived.
fn method(comparison: &Comparison) -> String {
    let tested = comparison.cells.iter().filter(|cell| cell.p.is_some());
    format!(
        "Compares the completion times of runs that are ok. B/A: ratio of the medians, with a bootstrap 95 % interval. p: \
         two-sided Mann-Whitney test for a difference of more than {floor} %, adjusted for {} by Benjamini and Hochberg's \
         method. A cell is slower or faster if p is at most {FALSE_ALARMS}, the interval excludes 1, and the medians differ \
         by at least {floor} %.",
        cells(tested.count()),
        floor = FLOOR * 100.0
    )
}

fn table(comparison: &Comparison, listed: &[&ComparedCell], format: Format) -> Table {
    let mut table = Table::new();
    table.load_style(match format {
        Format::Table => presets::NOTHING,
        Format::Markdown => presets::ASCII_MARKDOWN,
    });
    let header = [
        "cell", "runs A", "runs B", "A (s)", "B (s)", "B/A", "95 %", "p", "verdict",
    ];
    table.set_header(header);
    for cell in listed {
        table.add_row(row(comparison, cell));
    }
    if format == Format::Table {
        for column in table.column_iter_mut().skip(1).take(header.len() - 2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn row(comparison: &Comparison, cell: &ComparedCell) -> [String; 9] {
    let missing = || "-".to_owned();
    let median = |runs: &Runs| {
        let spread = Spread::of(runs.seconds.iter().copied());
        spread.map_or_else(missing, |spread| format_number(spread.median))
    };
    let runs = |runs: &Runs| match (runs.seconds.len(), runs.failed) {
        (good, 0) => good.to_string(),
        (good, failed) => format!("{good} of {}", good + failed),
    };
    let interval = cell.ratio.filter(|_| cell.p.is_some());
    [
        label(comparison, cell),
        runs(&cell.baseline),
        runs(&cell.candidate),
        median(&cell.baseline),
        median(&cell.candidate),
        cell.ratio
            .map_or_else(missing, |ratio| times(ratio.estimate)),
        interval.map_or_else(missing, |ratio| {
            format!("{} to {}", times(ratio.low), times(ratio.high))
        }),
        cell.p.map_or_else(missing, p_text),
        cell.verdict.to_string(),
    ]
}

/// Describes a cell by the axes on which the cells differ.
fn label(comparison: &Comparison, cell: &ComparedCell) -> String {
    let axes = statistics::varying(comparison.cells.iter().map(|cell| &cell.example.cell));
    match axes.is_empty() {
        true => cell.example.scenario.clone(),
        false => labels::phrases(&axes, &cell.example.cell),
    }
}

fn p_text(p: f64) -> String {
    match p {
        p if p < 0.0001 => "< 0.0001".to_owned(),
        p if p < 0.01 => format!("{p:.4}"),
        p => format!("{p:.2}"),
    }
}

fn cells(number: usize) -> String {
    match number {
        1 => "1 cell".to_owned(),
        number => format!("{number} cells"),
    }
}

/// Formats a ratio. Near 1, differences are in the third decimal place.
fn times(ratio: f64) -> String {
    match ratio {
        large if large >= 100.0 => format!("{large:.0}"),
        ratio => format!("{ratio:.3}"),
    }
}
