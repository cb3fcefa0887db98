//! A folder of results: each row is written as its run ends, the summary and charts at the end.

mod columns;
mod manifest;
mod resume;
mod rows;
mod schema;
mod summary;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

pub use manifest::{Manifest, Resumption};
pub use resume::ResumeError;
pub use rows::Rows;
pub use schema::row_schema;

use crate::assess;
use crate::record::RunRecord;
use crate::runner::RunnerName;
use crate::statistics::{self, CellSummary};
use columns::Fields;

/// File name of the report page.
pub const REPORT: &str = "report.html";

/// Name of the folder with the simulator's results.
pub(crate) const SIM_FOLDER: &str = "sim";
/// Temporary name of `manifest.json` while it is written.
const UNFINISHED_MANIFEST: &str = "manifest.json.new";
/// Temporary name of `runs.csv` while it is rewritten.
const UNFINISHED_RUNS: &str = "runs.csv.new";

/// A folder with the results of one scenario and one runner.
#[derive(Debug)]
pub struct ResultsFolder {
    path: PathBuf,
}

/// A failed operation on a file or folder of results.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}", path = path.display())]
pub struct ResultsError {
    path: PathBuf,
    source: io::Error,
}

impl ResultsError {
    /// Adds the path to an error.
    pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self { path, source }
    }
}

impl ResultsFolder {
    /// Opens the folder at `path`, creating it if necessary. Removes all files of an earlier sweep, but no other files.
    ///
    /// # Errors
    /// If it cannot be created, or files cannot be removed.
    pub fn create(path: &Path) -> Result<Self, ResultsError> {
        let folder = Self::open(path)?;
        folder.remove_files(is_ours)?;
        Ok(folder)
    }

    /// Opens the folder at `path` to evaluate its rows again: removes the charts and keeps the rows.
    ///
    /// # Errors
    /// If it cannot be read, or files cannot be removed.
    pub fn redo(path: &Path) -> Result<Self, ResultsError> {
        let path = path.to_owned();
        let folder = Self { path };
        folder.remove_files(is_chart)?;
        Ok(folder)
    }

    /// Opens the folder at `path`, creating it if necessary. Keeps all files.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn open(path: &Path) -> Result<Self, ResultsError> {
        fs::create_dir_all(path).map_err(ResultsError::at(path))?;
        let path = path.to_owned();
        Ok(Self { path })
    }

    fn remove_files(&self, is_obsolete: fn(&Path) -> bool) -> Result<(), ResultsError> {
        let remove = || -> io::Result<()> {
            for entry in fs::read_dir(&self.path)? {
                let path = entry?.path();
                if is_obsolete(&path) {
                    fs::remove_file(path)?;
                }
            }
            Ok(())
        };
        remove().map_err(ResultsError::at(&self.path))
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates an empty `runs.csv`, replacing an existing one.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn runs(&self) -> Result<CsvFile, ResultsError> {
        CsvFile::create(self.path.join("runs.csv"))
    }

    /// Writes `summary.csv`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_summary(&self, cells: &[CellSummary]) -> Result<(), ResultsError> {
        let mut file = CsvFile::create(self.path.join("summary.csv"))?;
        cells
            .iter()
            .try_for_each(|cell| file.write_fields(summary::fields(cell)))
    }

    /// Writes `manifest.json`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), ResultsError> {
        let path = self.path.join("manifest.json");
        // Rename a complete file, so a killed process leaves the previous manifest intact.
        let unfinished = self.path.join(UNFINISHED_MANIFEST);
        let write = || -> io::Result<()> {
            let text = serde_json::to_string_pretty(manifest)?;
            fs::write(&unfinished, text + "\n")?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(ResultsError::at(&path))
    }

    /// Summarises `records`, the rows of this folder. If they come from containers, adds the simulator's results for
    /// the same cells from a folder `sim` inside this folder or next to it.
    pub fn summarise(&self, records: &[RunRecord]) -> Vec<CellSummary> {
        let mut cells = statistics::summarise(records);
        let in_containers = records
            .iter()
            .any(|record| record.runner == RunnerName::Docker);
        let simulated = match in_containers {
            true => self.simulated(),
            false => Vec::new(),
        };
        assess::explain(&mut cells, &statistics::summarise(&simulated));
        cells
    }

    /// The simulator's rows. Empty if there are none, which is not an error.
    fn simulated(&self) -> Vec<RunRecord> {
        let inside = self.path.join(SIM_FOLDER);
        let beside = self.path.join("..").join(SIM_FOLDER);
        [inside, beside]
            .iter()
            .filter_map(|folder| fs::read(folder.join("runs.csv")).ok())
            .find_map(|text| Some(Rows::parse(&text).ok()?.records))
            .unwrap_or_default()
    }
}

/// Whether a sweep writes files with this name.
fn is_ours(path: &Path) -> bool {
    let others = [
        "runs.csv",
        "summary.csv",
        "manifest.json",
        UNFINISHED_MANIFEST,
        UNFINISHED_RUNS,
        REPORT,
    ];
    is_chart(path) || others.contains(&name(path))
}

/// Whether a sweep writes charts with this name.
fn is_chart(path: &Path) -> bool {
    let name = name(path);
    [".svg", ".png"].iter().any(|end| name.ends_with(end)) && name.contains("-against-")
}

fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// `runs.csv` or `summary.csv`, written row by row.
#[derive(Debug)]
pub struct CsvFile {
    path: PathBuf,
    writer: csv::Writer<File>,
    /// Whether the header has not been written yet.
    needs_header: bool,
}

impl CsvFile {
    fn create(path: PathBuf) -> Result<Self, ResultsError> {
        let file = File::create(&path).map_err(ResultsError::at(&path))?;
        Ok(Self {
            path,
            writer: csv::Writer::from_writer(file),
            needs_header: true,
        })
    }

    /// Writes the row of a run and flushes it to the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, record: &RunRecord) -> Result<(), ResultsError> {
        let fields = rows::fields(record).map_err(io::Error::from);
        self.write_fields(fields.map_err(ResultsError::at(&self.path))?)
    }

    /// Writes a row, and before the first row the header.
    fn write_fields(&mut self, fields: Fields) -> Result<(), ResultsError> {
        let (columns, row): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
        let write = || -> io::Result<()> {
            if std::mem::take(&mut self.needs_header) {
                self.writer.write_record(columns)?;
            }
            self.writer.write_record(row)?;
            self.writer.flush()
        };
        write().map_err(ResultsError::at(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_removes_the_files_of_an_earlier_sweep_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "runs.csv",
            "goodput-against-window.svg",
            "notes.txt",
            "photo.png",
        ] {
            fs::write(dir.path().join(name), "old").unwrap();
        }
        ResultsFolder::create(dir.path()).unwrap();
        let mut left: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["notes.txt", "photo.png"]);
    }
}
