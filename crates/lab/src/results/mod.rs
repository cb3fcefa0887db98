//! A folder of results: each row is written as its run ends, the summary and charts at the end.

mod columns;
mod manifest;
mod resume;
mod rows;
mod schema;
mod summary;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

pub use manifest::{Manifest, Resumption};
pub use resume::{ResumeError, difference};
pub use rows::Rows;
pub use schema::row_schema;

use backroom_output::ResultFiles;

use crate::assess;
use crate::record::RunRecord;
use crate::runner::RunnerName;
use crate::statistics::{self, CellSummary};
use columns::Fields;

/// File name of the report page.
pub const REPORT: &str = "report.html";

/// The files of a sweep.
pub(crate) const FILES: ResultFiles = ResultFiles {
    manifest: MANIFEST,
    others: &[RUNS, SUMMARY, REPORT, UNFINISHED_MANIFEST, UNFINISHED_RUNS],
};
/// Name of the folder with the simulator's results.
pub(crate) const SIM_FOLDER: &str = "sim";
/// File name of the rows.
pub(crate) const RUNS: &str = "runs.csv";
const MANIFEST: &str = "manifest.json";
const SUMMARY: &str = "summary.csv";
/// Temporary name of `manifest.json` while it is written.
const UNFINISHED_MANIFEST: &str = "manifest.json.new";
/// Temporary name of `runs.csv` while it is rewritten.
const UNFINISHED_RUNS: &str = "runs.csv.new";

/// A folder with the results of one scenario and one runner. No other lab writes to it while this exists.
#[derive(Debug)]
pub struct ResultsFolder {
    path: PathBuf,
    _lock: File,
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
    /// Opens the folder at `path`, creating it if necessary.
    ///
    /// # Errors
    /// If it cannot be created, or if another lab writes to it.
    pub fn open(path: &Path) -> Result<Self, ResultsError> {
        fs::create_dir_all(path).map_err(ResultsError::at(path))?;
        Self::existing(path)
    }

    /// Opens the folder at `path`, which must exist.
    ///
    /// # Errors
    /// If it does not exist, or if another lab writes to it.
    pub fn existing(path: &Path) -> Result<Self, ResultsError> {
        let lock = File::open(path).map_err(ResultsError::at(path))?;
        // Not every file system has locks.
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            let busy = io::Error::other("another lab writes to this folder; wait until it ends");
            return Err(ResultsError::at(path)(busy));
        }
        let path = path.to_owned();
        Ok(Self { path, _lock: lock })
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates an empty `runs.csv`.
    ///
    /// # Errors
    /// If it exists or cannot be created.
    pub fn runs(&self) -> Result<CsvFile, ResultsError> {
        CsvFile::create(self.path.join(RUNS))
    }

    /// Writes `manifest.json`, and replaces an earlier one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), ResultsError> {
        let path = self.path.join(MANIFEST);
        // Rename a complete file, so a killed process leaves the previous manifest intact.
        let unfinished = self.path.join(UNFINISHED_MANIFEST);
        let write = || -> io::Result<()> {
            fs::write(&unfinished, manifest.text()?)?;
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
            .filter_map(|folder| fs::read(folder.join(RUNS)).ok())
            .find_map(|text| Some(Rows::parse(&text).ok()?.records))
            .unwrap_or_default()
    }
}

/// Writes `summary.csv` to `folder`.
///
/// # Errors
/// If it exists or cannot be written.
pub(crate) fn write_summary(folder: &Path, cells: &[CellSummary]) -> Result<(), ResultsError> {
    let mut file = CsvFile::create(folder.join(SUMMARY))?;
    cells
        .iter()
        .try_for_each(|cell| file.write_fields(summary::fields(cell)))
}

/// Writes `manifest` to `folder`.
///
/// # Errors
/// If it exists or cannot be written.
pub(crate) fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), ResultsError> {
    let path = folder.join(MANIFEST);
    let written = manifest.text().and_then(|text| fs::write(&path, text));
    written.map_err(ResultsError::at(path))
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
        let file = File::create_new(&path).map_err(ResultsError::at(&path))?;
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
