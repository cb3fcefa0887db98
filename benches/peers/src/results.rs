//! A folder of results: `runs.csv`, `summary.csv`, `manifest.json` and the chart.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use backroom_charts::{Dot, DotChart, DotPanel, draw_dots};
use backroom_lab::cli::print_paths;
use backroom_lab::docker::testbed::Testbeds;
use backroom_lab::peers;
use backroom_lab::runner::{RunnerName, ShaperName};
use backroom_provenance::Provenance;
use backroom_vocabulary::format_number;
use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};

use crate::comparisons::{Comparison, comparisons};
use crate::row::Row;
use crate::summary::{Summary, summarise};

const CHART: &str = "goodput-of-peers";
const ORDER: &str = "in each comparison one repetition of all contestants after the other, the contestants of each shuffled";

/// `manifest.json`.
#[derive(Serialize)]
pub(crate) struct Manifest {
    #[serde(flatten)]
    provenance: Provenance,
    scenario: &'static str,
    runner: RunnerName,
    shaper: ShaperName,
    engine: String,
    image: String,
    /// Debian's packages of the other programs.
    pub(crate) versions: Vec<String>,
    seed: u64,
    repetitions: u32,
    order: &'static str,
    /// Titles by name.
    comparisons: BTreeMap<&'static str, &'static str>,
    pub(crate) duration_seconds: f64,
    runs: usize,
    failed: usize,
    charts: Vec<String>,
}

impl Manifest {
    /// The manifest of a measurement that starts now.
    pub(crate) fn new(
        testbeds: &Testbeds,
        image: &str,
        (seed, repetitions): (u64, u32),
        comparisons: &[Comparison],
    ) -> Self {
        Self {
            provenance: Provenance::now(),
            scenario: peers::NAME,
            runner: testbeds.kind().name,
            shaper: testbeds.kind().shaper,
            engine: testbeds.engine().to_owned(),
            image: image.to_owned(),
            versions: Vec::new(),
            seed,
            repetitions,
            order: ORDER,
            comparisons: (comparisons.iter())
                .map(|one| (one.name, one.title))
                .collect(),
            duration_seconds: 0.0,
            runs: 0,
            failed: 0,
            charts: Vec::new(),
        }
    }
}

/// The folder while it is being filled.
pub(crate) struct Results {
    folder: PathBuf,
    runs: csv::Writer<File>,
    rows: Vec<Row>,
}

impl Results {
    /// Creates the folder and starts `runs.csv`.
    pub(crate) fn create(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join("runs.csv");
        let runs = csv::Writer::from_path(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            runs,
            rows: Vec::new(),
        })
    }

    /// Writes a row and prints a line about it.
    pub(crate) fn add(&mut self, row: Row) -> anyhow::Result<()> {
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
        self.runs.serialize(&row)?;
        self.runs.flush()?;
        self.rows.push(row);
        Ok(())
    }

    /// Writes the other files and prints the tables.
    pub(crate) fn finish(
        self,
        comparisons: &[Comparison],
        mut manifest: Manifest,
    ) -> anyhow::Result<()> {
        let summaries = write_summary(&self.folder, comparisons, &self.rows)?;
        let chart = chart(comparisons, &summaries, manifest.repetitions);
        manifest.runs = self.rows.len();
        manifest.failed = self.rows.iter().filter(|row| !row.ok).count();
        manifest.charts = draw_dots(&chart, &self.folder)?;
        let text = serde_json::to_string_pretty(&manifest)?;
        fs::write(self.folder.join("manifest.json"), text + "\n")?;
        let mut out = io::stdout().lock();
        for (comparison, summaries) in comparisons.iter().zip(&summaries) {
            let table = table(summaries);
            writeln!(out, "{}\n{}\n", comparison.title, table.trim_fmt())?;
        }
        let tables = ["runs.csv", "summary.csv"];
        print_paths(
            &self.folder,
            manifest.charts.iter().map(String::as_str).chain(tables),
        )
    }
}

/// The parts of a manifest that the summary and the chart need.
#[derive(Deserialize)]
struct OldManifest {
    scenario: String,
    repetitions: u32,
}

/// Writes the summary and the chart of `folder` again, from its rows.
pub(crate) fn rebuild(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join("manifest.json");
    let manifest = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: OldManifest = serde_json::from_slice(&manifest)
        .with_context(|| format!("{} is not a manifest of this program", path.display()))?;
    anyhow::ensure!(
        manifest.scenario == peers::NAME,
        "{} has results of the scenario {}, not {}",
        folder.display(),
        manifest.scenario,
        peers::NAME
    );
    let path = folder.join("runs.csv");
    let rows: Vec<Row> = csv::Reader::from_path(&path)
        .and_then(|mut rows| rows.deserialize().collect())
        .with_context(|| format!("cannot read {}", path.display()))?;
    let comparisons = comparisons();
    let is_known = |row: &Row| {
        let mut contestants = comparisons
            .iter()
            .filter(|one| one.name == row.comparison)
            .flat_map(|one| &one.contestants);
        contestants.any(|one| one.name == row.contestant)
    };
    if let Some(row) = rows.iter().find(|row| !is_known(row)) {
        anyhow::bail!(
            "this version of the program does not know the contestant {} of {}; nothing was changed",
            row.contestant,
            row.comparison
        );
    }
    let comparisons: Vec<_> = comparisons
        .into_iter()
        .filter(|one| rows.iter().any(|row| row.comparison == one.name))
        .collect();
    let summaries = write_summary(folder, &comparisons, &rows)?;
    let charts = draw_dots(
        &chart(&comparisons, &summaries, manifest.repetitions),
        folder,
    )?;
    print_paths(folder, charts.iter().map(String::as_str))
}

fn write_summary(
    folder: &Path,
    comparisons: &[Comparison],
    rows: &[Row],
) -> anyhow::Result<Vec<Vec<Summary>>> {
    let summaries: Vec<_> = comparisons
        .iter()
        .map(|comparison| summarise(comparison, rows))
        .collect();
    let mut writer = csv::Writer::from_path(folder.join("summary.csv"))?;
    summaries
        .iter()
        .flatten()
        .try_for_each(|summary| writer.serialize(summary))?;
    writer.flush()?;
    Ok(summaries)
}

fn table(summaries: &[Summary]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "contestant",
        "runs",
        "failed",
        "Mbit/s",
        "s",
        "ratio",
        "of",
        "target",
        "met",
    ]);
    let number = |value: Option<f64>| value.map(format_number).unwrap_or_default();
    for one in summaries {
        let met = one.met.map_or("", |met| if met { "yes" } else { "no" });
        table.add_row([
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
    table
}

fn chart(comparisons: &[Comparison], summaries: &[Vec<Summary>], repetitions: u32) -> DotChart {
    let panel = |(comparison, summaries): (&Comparison, &Vec<Summary>)| {
        let best = summaries.first().map(|one| one.best);
        let ours = summaries.iter().find(|one| Some(one.contestant) == best);
        let ours = ours.and_then(|one| one.goodput_mbps_median);
        let mut dots: Vec<Dot> = Vec::new();
        for one in summaries {
            // A contestant with two targets has two summaries.
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
            "Median goodput of {repetitions} runs with its 95 % interval (minimum to maximum with fewer than six runs), \
             logarithmic axes. In brackets: how many times as fast the best backroom setting of the panel is."
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
