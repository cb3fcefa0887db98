//! `report.html`: everything a folder of results has to say, on one page that needs nothing else.
//!
//! - `findings`: what follows from the numbers, in sentences.
//! - `table`: the cells and the runs that don't count, as tables.
//! - `page`: all of it as HTML, with the charts in it.

mod findings;
mod page;
mod table;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use backroom_charts::ChartError;
use backroom_sim::model;

use crate::charts;
use crate::compare::{Folder, FolderError};
use crate::record::RunRecord;
use crate::results::{Manifest, ResultsError, ResultsFolder};
use crate::scenario::{Scenario, ScenarioError, builtin};
use crate::statistics::CellSummary;

/// The name of the page.
pub const FILE: &str = "report.html";

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There are no rows, or none that can be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file that a report is made from can't be read, or what is made of it can't be written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is none that `run` wrote.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The manifest's scenario is none.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A chart can't be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// A file can't be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

/// What a page is made of.
struct Report<'a> {
    scenario: &'a Scenario,
    records: &'a [RunRecord],
    cells: &'a [CellSummary],
    /// `manifest.json` as it stands.
    manifest: String,
    /// Each chart as an SVG.
    charts: Vec<String>,
}

/// Writes the page for the results in `folder`, whose charts and manifest are written already.
///
/// # Errors
/// When these can't be read, or the page can't be written.
pub fn write(
    folder: &Path,
    scenario: &Scenario,
    records: &[RunRecord],
    cells: &[CellSummary],
    charts: &[String],
) -> Result<(), ReportError> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|source| ReportError::File { path, source })
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
    let path = folder.join(FILE);
    fs::write(&path, page::page(&report)).map_err(|source| ReportError::File { path, source })
}

/// Makes summary, charts and page of the folder at `path` anew, from its rows and its manifest. A built-in scenario is drawn
/// as this version of the lab draws it. Returns the names of the charts.
///
/// # Errors
/// When the folder's files can't be read, or the new ones can't be written.
pub fn rebuild(path: &Path) -> Result<Vec<String>, ReportError> {
    let mut records = Folder::read(path)?.records;
    for record in &mut records {
        // Rows from before the model was noted in them.
        record.model_goodput_mbps = record
            .model_goodput_mbps
            .or_else(|| model::goodput_mbps(&record.cell));
    }
    let manifest_path = path.join("manifest.json");
    let text = fs::read_to_string(&manifest_path).map_err(|source| ReportError::File {
        path: manifest_path.clone(),
        source,
    })?;
    let mut manifest: Manifest =
        serde_json::from_str(&text).map_err(|source| ReportError::Manifest {
            path: manifest_path,
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

/// The scenario as it ran, with today's charts where it is a built-in one.
fn scenario(manifest: &Manifest) -> Result<Scenario, ScenarioError> {
    let as_run = &manifest.scenario;
    let mut scenario = Scenario::parse(&as_run.name, &as_run.toml)?;
    if let Some((name, text)) = builtin().find(|(name, _)| *name == as_run.name) {
        let today = Scenario::parse(name, text)?;
        if today.title == scenario.title {
            scenario.charts = today.charts;
            scenario.references = today.references;
        }
    }
    Ok(scenario)
}
