//! `report.html`: all results of a folder on one self-contained page.
//!
//! - `findings`: conclusions from the numbers, in sentences.
//! - `table`: tables of the cells and of the excluded runs.
//! - `page`: the page as HTML with the charts.

mod findings;
mod page;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use backroom_charts::ChartError;
use backroom_output::{Replacement, ReplacementError};
use backroom_sim::model;

use crate::charts::{self, Drawn, NotDrawn};
use crate::compare::{Folder, FolderError};
use crate::record::RunRecord;
use crate::results::{
    FILES, Manifest, REPORT, RUNS, ResultsError, ResultsFolder, write_manifest, write_summary,
};
use crate::scenario::{BUILTIN, Scenario, ScenarioError};
use crate::statistics::CellSummary;

/// Why the report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There are no rows, or they cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The manifest was not written by `run`.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The scenario in the manifest is invalid.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A chart cannot be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] ResultsError),
    /// The new files cannot take the places of the earlier ones.
    #[error(transparent)]
    Replacement(#[from] ReplacementError),
}

struct Report<'a> {
    scenario: &'a Scenario,
    records: &'a [RunRecord],
    cells: &'a [CellSummary],
    /// The text of `manifest.json`.
    manifest: String,
    /// Each chart as an SVG.
    charts: Vec<String>,
    /// The charts that were not drawn.
    missing: &'a [NotDrawn],
}

/// What the rows of a folder come to.
#[derive(Debug)]
pub struct Written {
    /// Its cells.
    pub cells: Vec<CellSummary>,
    /// Its charts.
    pub charts: Drawn,
}

/// Writes the summary, the charts, the manifest and the page for `records`, the rows in `folder`. Earlier ones are
/// replaced when all new ones are written.
///
/// # Errors
/// If a file cannot be drawn or written, or if a file that the lab did not write has the name of a chart.
pub fn write(
    folder: &ResultsFolder,
    scenario: &Scenario,
    records: &[RunRecord],
    manifest: &mut Manifest,
) -> Result<Written, ReportError> {
    let mut replaced = FILES.in_folder(folder.path());
    replaced.retain(|name| name != RUNS);
    let new = Replacement::begin(folder.path())?;
    let cells = folder.summarise(records);
    write_summary(new.path(), &cells)?;
    let charts = charts::draw_all(&scenario.charts, &cells, new.path())?;
    manifest.charts.clone_from(&charts.files);
    write_manifest(new.path(), manifest)?;
    let written = Written { cells, charts };
    write_page(new.path(), scenario, records, &written)?;
    new.finish(&replaced)?;
    Ok(written)
}

/// Writes the page to `folder`, which has the charts and the manifest.
fn write_page(
    folder: &Path,
    scenario: &Scenario,
    records: &[RunRecord],
    written: &Written,
) -> Result<(), ReportError> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(ResultsError::at(path))
    };
    let charts = written.charts.files.iter();
    let report = Report {
        scenario,
        records,
        cells: &written.cells,
        manifest: read(FILES.manifest)?,
        charts: charts
            .filter(|name| name.ends_with(".svg"))
            .map(|name| read(name))
            .collect::<Result<_, _>>()?,
        missing: &written.charts.missing,
    };
    let path = folder.join(REPORT);
    Ok(fs::write(&path, page::page(&report)).map_err(ResultsError::at(path))?)
}

/// Writes summary, charts and page of the folder at `path` again, from its rows and its manifest. A built-in scenario gets
/// the charts of this version of the lab.
///
/// # Errors
/// If the folder's files cannot be read, or the new ones cannot be written.
pub fn rebuild(path: &Path) -> Result<Written, ReportError> {
    let mut records = Folder::read(path)?.records;
    for record in &mut records {
        // Rows of old versions do not have the model.
        record.model_goodput_mbps = record
            .model_goodput_mbps
            .or_else(|| model::goodput_mbps(&record.cell));
    }
    let manifest = path.join(FILES.manifest);
    let text = fs::read_to_string(&manifest).map_err(ResultsError::at(&manifest))?;
    let mut manifest: Manifest =
        serde_json::from_str(&text).map_err(|source| ReportError::Manifest {
            path: manifest,
            source,
        })?;
    let scenario = scenario(&manifest)?;
    let folder = ResultsFolder::existing(path)?;
    write(&folder, &scenario, &records, &mut manifest)
}

/// The scenario as it ran. A built-in one gets the charts of this version.
fn scenario(manifest: &Manifest) -> Result<Scenario, ScenarioError> {
    let as_run = &manifest.scenario;
    let mut scenario = Scenario::parse(&as_run.name, &as_run.toml)?;
    if let Some((name, text)) = BUILTIN.iter().find(|(name, _)| *name == as_run.name) {
        let today = Scenario::parse(name, text)?;
        if today.title == scenario.title {
            scenario.charts = today.charts;
            scenario.references = today.references;
        }
    }
    Ok(scenario)
}
