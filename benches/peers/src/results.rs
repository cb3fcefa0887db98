//! A folder of results: `runs.csv`, `summary.csv`, `manifest.json` and the chart.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::Context;
use backroom_charts::{Dot, DotChart, DotPanel, draw_dots};
use backroom_lab::docker::testbed::Testbeds;
use backroom_lab::peers;
use backroom_lab::runner::{RunnerName, ShaperName};
use backroom_output::{Destination, Replacement, ResultFiles, note, print, print_paths};
use backroom_provenance::Provenance;
use backroom_vocabulary::format_number;
use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};

use crate::comparisons::{Comparison, comparisons};
use crate::row::Row;
use crate::summary::{Summary, summarise};

/// The files of a comparison.
pub(crate) const FILES: ResultFiles = ResultFiles {
    manifest: "manifest.json",
    others: &[RUNS, SUMMARY],
};
const RUNS: &str = "runs.csv";
const SUMMARY: &str = "summary.csv";
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
    destination: Destination,
    runs: csv::Writer<File>,
    rows: Vec<Row>,
}

impl Results {
    /// Starts `runs.csv` in an empty folder.
    pub(crate) fn create(destination: Destination) -> anyhow::Result<Self> {
        let path = destination.path().join(RUNS);
        let file = File::create_new(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            destination,
            runs: csv::Writer::from_writer(file),
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
        note(format!(
            "{} {turn}: {} ({}): {outcome}",
            row.comparison, row.contestant, row.options
        ));
        self.runs.serialize(&row)?;
        self.runs.flush()?;
        self.rows.push(row);
        Ok(())
    }

    /// Says where the rows are of a measurement that did not end.
    pub(crate) fn tell_where_rows_are(&self) {
        let path = self.destination.path().display();
        note(format!(
            "the rows so far are in {path}; a comparison cannot be continued, so repeat the command"
        ));
        self.tell_what_stays();
    }

    fn tell_what_stays(&self) {
        if let Some(published) = self.destination.replaces().filter(|path| path.exists()) {
            note(format!(
                "the results in {} are as they were; remove {} before the next measurement with --publish",
                published.display(),
                self.destination.path().display()
            ));
        }
    }

    /// Writes the other files, publishes them if that is requested, and prints the tables.
    pub(crate) fn finish(
        self,
        comparisons: &[Comparison],
        mut manifest: Manifest,
    ) -> anyhow::Result<()> {
        let folder = self.destination.path();
        let summaries = write_summary(folder, comparisons, &self.rows)?;
        manifest.runs = self.rows.len();
        manifest.failed = self.rows.iter().filter(|row| !row.ok).count();
        manifest.charts = draw(comparisons, &summaries, manifest.repetitions, folder)?;
        let text = serde_json::to_string_pretty(&manifest)? + "\n";
        let path = folder.join(FILES.manifest);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        if !self.rows.iter().any(Row::counts) {
            self.tell_what_stays();
            anyhow::bail!(
                "no run succeeded; the column note of {} has the reasons",
                folder.join(RUNS).display()
            );
        }
        let folder = self.destination.finish()?;
        let mut text = String::new();
        for (comparison, summaries) in comparisons.iter().zip(&summaries) {
            let table = table(summaries);
            text += &format!("{}\n{}\n\n", comparison.title, table.trim_fmt());
        }
        let files = manifest.charts.iter().map(String::as_str);
        let printed = print(&text).and_then(|()| print_paths(folder, files.chain([RUNS, SUMMARY])));
        show_warning(printed, folder);
        Ok(())
    }
}

/// Reports that stdout cannot be written. The results are in `folder`, so the measurement has not failed.
fn show_warning(printed: io::Result<()>, folder: &Path) {
    if let Err(error) = printed {
        let folder = folder.display();
        note(format!("warning: {error}; the results are in {folder}"));
    }
}

/// Draws the chart into `folder`. Returns its files. If there are none, says why.
fn draw(
    comparisons: &[Comparison],
    summaries: &[Vec<Summary>],
    repetitions: u32,
    folder: &Path,
) -> anyhow::Result<Vec<String>> {
    let files = draw_dots(&chart(comparisons, summaries, repetitions), folder)?;
    if files.is_empty() {
        note(format!(
            "the chart {CHART} is not drawn: no run that counts has a value"
        ));
    }
    Ok(files)
}

/// The parts of a manifest that the summary and the chart need.
#[derive(Deserialize)]
struct OldManifest {
    scenario: String,
    repetitions: u32,
}

/// Writes the summary and the chart of `folder` again, from its rows.
pub(crate) fn rebuild(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(FILES.manifest);
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
    let path = folder.join(RUNS);
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
    let new = Replacement::begin(folder)?;
    let summaries = write_summary(new.path(), &comparisons, &rows)?;
    let charts = draw(&comparisons, &summaries, manifest.repetitions, new.path())?;
    let charts_before = ["svg", "png"].map(|kind| format!("{CHART}.{kind}"));
    new.finish(&[&charts_before[..], &[SUMMARY.to_owned()]].concat())?;
    show_warning(
        print_paths(folder, charts.iter().map(String::as_str)),
        folder,
    );
    Ok(())
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
    let mut writer = csv::Writer::from_path(folder.join(SUMMARY))?;
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
