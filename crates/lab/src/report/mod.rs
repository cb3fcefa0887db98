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
use backroom_sim::model;

use crate::charts;
use crate::compare::{Folder, FolderError};
use crate::record::RunRecord;
use crate::results::{Manifest, REPORT, ResultsError, ResultsFolder};
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
}

struct Report<'a> {
    scenario: &'a Scenario,
    records: &'a [RunRecord],
    cells: &'a [CellSummary],
    /// The text of `manifest.json`.
    manifest: String,
    /// Each chart as an SVG.
    charts: Vec<String>,
}

/// Writes the page for the results in `folder`. Its charts and manifest must already exist.
///
/// # Errors
/// If these cannot be read, or the page cannot be written.
pub fn write(
    folder: &Path,
    scenario: &Scenario,
    records: &[RunRecord],
    cells: &[CellSummary],
    charts: &[String],
) -> Result<(), ReportError> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(ResultsError::at(path))
    };
    let charts = charts
        .iter()
        .filter(|name| name.ends_with(".svg"))
        .map(|name| read(name))
        .collect::<Result<_, _>>()?;
    let report = Report {
        scenario,
        records,
        cells,
        manifest: read("manifest.json")?,
        charts,
    };
    let path = folder.join(REPORT);
    Ok(fs::write(&path, page::page(&report)).map_err(ResultsError::at(path))?)
}

/// Writes summary, charts and page of the folder at `path` again, from its rows and its manifest. A built-in scenario gets
/// the charts of this version of the lab. Returns the names of the charts.
///
/// # Errors
/// If the folder's files cannot be read, or the new ones cannot be written.
pub fn rebuild(path: &Path) -> Result<Vec<String>, ReportError> {
    let mut records = Folder::read(path)?.records;
    for record in &mut records {
        // Rows of old versions do not have the model.
        record.model_goodput_mbps = record
            .model_goodput_mbps
            .or_else(|| model::goodput_mbps(&record.cell));
    }
    let manifest = path.join("manifest.json");
    let text = fs::read_to_string(&manifest).map_err(ResultsError::at(&manifest))?;
    let mut manifest: Manifest =
        serde_json::from_str(&text).map_err(|source| ReportError::Manifest {
            path: manifest,
            source,
        })?;
    let scenario = scenario(&manifest)?;
    let folder = ResultsFolder::redo(path)?;
    let cells = folder.summarise(&records);
    folder.write_summary(&cells)?;
    manifest.charts = charts::draw_all(&scenario.charts, &cells, path)?;
    folder.write_manifest(&manifest)?;
    write(path, &scenario, &records, &cells, &manifest.charts)?;
    Ok(manifest.charts)
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
