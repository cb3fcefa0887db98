//! `run peers`: other programs beside ours, from the first container to the chart.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow};
use backroom_charts::{Dot, DotChart, DotPanel, draw_dots};
use backroom_provenance::Provenance;
use backroom_vocabulary::format_number;
use serde::{Deserialize, Serialize};

use super::{RunArgs, failure};
use crate::cli::choice::RunnerChoice;
use crate::cli::{Failure, stop, table};
use crate::docker::DEFAULT_IMAGE;
use crate::docker::peers::{IMAGE, Peers, Repeat};
use crate::peers::{self, Comparison, Row, Summary};
use crate::runner::{RunnerName, ShaperName};

const CHART: &str = "goodput-of-peers";

/// What `manifest.json` says.
#[derive(Serialize)]
struct Manifest {
    #[serde(flatten)]
    provenance: Provenance,
    scenario: &'static str,
    runner: RunnerName,
    shaper: ShaperName,
    engine: String,
    image: String,
    /// Debian's packages of the other programs.
    versions: Vec<String>,
    seed: u64,
    repetitions: u32,
    order: &'static str,
    /// Titles by name.
    comparisons: BTreeMap<&'static str, &'static str>,
    duration_seconds: f64,
    runs: usize,
    failed: usize,
    charts: Vec<String>,
}

pub(super) fn run(arguments: &RunArgs) -> Result<(), Failure> {
    let comparisons = chosen(arguments).map_err(Failure::Usage)?;
    let stopped = stop::on_signal().map_err(|error| Failure::Broken(error.into()))?;
    let image = image(arguments);
    let mut engine = Peers::start(image, arguments.shaper.shaper(), &stopped).map_err(failure)?;
    let path = arguments.out.clone().unwrap_or_else(|| {
        let results = PathBuf::from("results").join(peers::NAME);
        results.join(engine.kind().folder())
    });
    let repeat = Repeat {
        repetitions: arguments.reps.unwrap_or(peers::REPETITIONS),
        seed: arguments.seed.unwrap_or(peers::SEED),
    };
    let mut manifest = Manifest {
        provenance: Provenance::now(),
        scenario: peers::NAME,
        runner: engine.kind().name,
        shaper: engine.kind().shaper,
        engine: engine.engine.version.clone(),
        image: image.to_owned(),
        versions: Vec::new(),
        seed: repeat.seed,
        repetitions: repeat.repetitions,
        order: "in each comparison one repetition of all contestants after the other, the contestants of each shuffled",
        comparisons: comparisons
            .iter()
            .map(|one| (one.name, one.title))
            .collect(),
        duration_seconds: 0.0,
        runs: 0,
        failed: 0,
        charts: Vec::new(),
    };
    eprintln!("in containers ({}), {}", manifest.engine, manifest.shaper);
    let (mut rows_file, begin) = (begin(&path).map_err(Failure::Broken)?, Instant::now());
    let mut rows = Vec::new();
    for comparison in &comparisons {
        let mut on_row = |row: &Row| {
            say(row);
            rows_file.serialize(row)?;
            Ok(rows_file.flush()?)
        };
        let made = engine
            .compare(comparison, repeat, &mut manifest.versions, &mut on_row)
            .map_err(failure)?;
        rows.extend(made);
    }
    manifest.duration_seconds = (begin.elapsed().as_secs_f64() * 1e3).round() / 1e3;
    manifest.runs = rows.len();
    manifest.failed = rows.iter().filter(|row| !row.ok).count();
    finish(&path, &comparisons, &rows, manifest).map_err(Failure::Broken)
}

/// The comparisons that were asked for.
fn chosen(arguments: &RunArgs) -> anyhow::Result<Vec<Comparison>> {
    let unused = [
        (!arguments.set.is_empty(), "--set"),
        (arguments.until_ci.is_some(), "--until-ci"),
        (arguments.resume, "--resume"),
        (arguments.jobs.is_some(), "--jobs"),
        (arguments.runner == RunnerChoice::Sim, "--runner sim"),
    ];
    if let Some((_, option)) = unused.into_iter().find(|(given, _)| *given) {
        return Err(anyhow!("{option} is not for the scenario {}", peers::NAME));
    }
    let all = peers::comparisons();
    if let Some(unknown) = arguments
        .only
        .iter()
        .find(|name| !all.iter().any(|one| one.name == name.as_str()))
    {
        let names: Vec<_> = all.iter().map(|one| one.name).collect();
        return Err(anyhow!(
            "no comparison is called {unknown}: {}",
            names.join(", ")
        ));
    }
    let asked = |one: &Comparison| {
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == one.name)
    };
    Ok(all.into_iter().filter(asked).collect())
}

fn image(arguments: &RunArgs) -> &str {
    match arguments.image.as_str() {
        DEFAULT_IMAGE => IMAGE,
        other => other,
    }
}

fn begin(path: &Path) -> anyhow::Result<csv::Writer<File>> {
    fs::create_dir_all(path).with_context(|| format!("can't make {}", path.display()))?;
    let path = path.join("runs.csv");
    let file = File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
    Ok(csv::Writer::from_writer(file))
}

/// One line on stderr for each run: there are few, and they take seconds.
fn say(row: &Row) {
    let turn = match row.repetition {
        0 => "trial".to_owned(),
        repetition => repetition.to_string(),
    };
    let outcome = match (row.ok, row.goodput_mbps) {
        (true, Some(goodput)) => format!("{} Mbit/s", format_number(goodput)),
        _ => format!("failed: {}", row.note),
    };
    eprintln!(
        "{} {turn}: {} ({}): {outcome}",
        row.comparison, row.contestant, row.options
    );
}

/// Makes of the rows what is to be made of them, and says it.
fn finish(
    path: &Path,
    comparisons: &[Comparison],
    rows: &[Row],
    mut manifest: Manifest,
) -> anyhow::Result<()> {
    let summaries = summarise(path, comparisons, rows)?;
    manifest.charts = draw(path, comparisons, &summaries, manifest.repetitions)?;
    let text = serde_json::to_string_pretty(&manifest)?;
    fs::write(path.join("manifest.json"), text + "\n")?;
    let mut out = io::stdout().lock();
    for (comparison, summaries) in comparisons.iter().zip(&summaries) {
        writeln!(out, "{}\n{}\n", comparison.title, of(summaries).trim_fmt())?;
    }
    for file in manifest
        .charts
        .iter()
        .map(String::as_str)
        .chain(["runs.csv", "summary.csv"])
    {
        writeln!(out, "{}", path.join(file).display())?;
    }
    Ok(())
}

/// Makes summary and chart of a folder anew, if its `manifest.json` is one of `run peers`. Gives the charts' files.
pub(in crate::cli) fn rebuild(path: &Path) -> anyhow::Result<Option<Vec<String>>> {
    let Ok(text) = fs::read_to_string(path.join("manifest.json")) else {
        return Ok(None);
    };
    let Ok(manifest) = serde_json::from_str::<OldManifest>(&text) else {
        return Ok(None);
    };
    if manifest.scenario != peers::NAME {
        return Ok(None);
    }
    let rows = path.join("runs.csv");
    let rows: Vec<Row> = csv::Reader::from_path(&rows)
        .and_then(|mut rows| rows.deserialize().collect())
        .with_context(|| format!("{} is no table of runs", rows.display()))?;
    let comparisons = peers::comparisons();
    let is_known = |row: &Row| {
        let mut contestants = comparisons
            .iter()
            .filter(|one| one.name == row.comparison)
            .flat_map(|one| &one.contestants);
        contestants.any(|one| one.name == row.contestant)
    };
    if let Some(row) = rows.iter().find(|row| !is_known(row)) {
        anyhow::bail!(
            "{} in {} is none of this program's contestants; its summary stays as it was",
            row.contestant,
            row.comparison
        );
    }
    let comparisons: Vec<_> = comparisons
        .into_iter()
        .filter(|one| rows.iter().any(|row| row.comparison == one.name))
        .collect();
    let summaries = summarise(path, &comparisons, &rows)?;
    draw(path, &comparisons, &summaries, manifest.repetitions).map(Some)
}

/// What a folder's manifest has to say for its summary and chart.
#[derive(Deserialize)]
struct OldManifest {
    scenario: String,
    repetitions: u32,
}

/// Writes `summary.csv`.
fn summarise(
    path: &Path,
    comparisons: &[Comparison],
    rows: &[Row],
) -> anyhow::Result<Vec<Vec<Summary>>> {
    let summaries: Vec<_> = comparisons
        .iter()
        .map(|comparison| peers::summarise(comparison, rows))
        .collect();
    let mut writer = csv::Writer::from_path(path.join("summary.csv"))?;
    summaries
        .iter()
        .flatten()
        .try_for_each(|summary| writer.serialize(summary))?;
    writer.flush()?;
    Ok(summaries)
}

fn draw(
    path: &Path,
    comparisons: &[Comparison],
    summaries: &[Vec<Summary>],
    repetitions: u32,
) -> anyhow::Result<Vec<String>> {
    Ok(draw_dots(
        &chart(comparisons, summaries, repetitions),
        path,
    )?)
}

fn of(summaries: &[Summary]) -> comfy_table::Table {
    let header = [
        "contestant",
        "runs",
        "failed",
        "Mbit/s",
        "s",
        "ratio",
        "of",
        "target",
        "met",
    ];
    let mut shown = table::plain(header);
    let number = |value: Option<f64>| value.map(format_number).unwrap_or_default();
    for one in summaries {
        let met = match one.met {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        };
        shown.add_row([
            one.contestant.to_owned(),
            one.runs.to_string(),
            one.failed.to_string(),
            number(one.goodput_mbps_median),
            number(one.seconds_median),
            number(one.ratio),
            one.quantity.to_owned(),
            one.target.clone(),
            met.to_owned(),
        ]);
    }
    shown
}

fn chart(comparisons: &[Comparison], summaries: &[Vec<Summary>], repetitions: u32) -> DotChart {
    let panel = |(comparison, summaries): (&Comparison, &Vec<Summary>)| {
        let best = summaries.first().map(|one| one.best);
        let ours = summaries.iter().find(|one| Some(one.contestant) == best);
        let ours = ours.and_then(|one| one.goodput_mbps_median);
        let mut dots: Vec<Dot> = Vec::new();
        for one in summaries {
            // A second target against the same contestant is no second dot.
            let known = dots.iter().any(|dot| dot.name == one.contestant);
            if let (Some(middle), false) = (one.goodput_mbps_median, known) {
                dots.push(dot(one, middle, ours));
            }
        }
        DotPanel {
            title: comparison.title.to_owned(),
            dots,
        }
    };
    DotChart {
        name: CHART,
        title: peers::TITLE.to_owned(),
        subtitle: format!(
            "Median goodput of {repetitions} runs and its 95 % interval (fewer than six runs: least and greatest), on \
             logarithmic axes. Behind it: how many times as fast the best of ours in its panel is."
        ),
        label: "Mbit/s",
        panels: comparisons.iter().zip(summaries).map(panel).collect(),
    }
}

fn dot(one: &Summary, middle: f64, ours: Option<f64>) -> Dot {
    let low = one.goodput_mbps_ci_low.or(one.goodput_mbps_min);
    let high = one.goodput_mbps_ci_high.or(one.goodput_mbps_max);
    let ratio = ours.map(|ours| ours / middle);
    let mut remark = format_number(middle);
    if let Some(ratio) = ratio.filter(|ratio| *ratio != 1.0) {
        remark += &format!("  ({}x)", format_number(ratio));
    }
    Dot {
        name: one.contestant.to_owned(),
        highlighted: one.contestant.starts_with("backroom") || one.contestant.starts_with("to "),
        middle,
        interval: (low.unwrap_or(middle), high.unwrap_or(middle)),
        remark,
    }
}
