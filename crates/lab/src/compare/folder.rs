//! Reads a folder of results for a comparison.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::record::RunRecord;
use crate::results::{Manifest, ResultsError, Rows};

/// A folder that `run` wrote.
#[derive(Debug)]
pub struct Folder {
    /// Path of the folder.
    pub path: PathBuf,
    /// The complete rows of its `runs.csv`.
    pub records: Vec<RunRecord>,
    /// Whether its last row is incomplete because a sweep was killed. That row is ignored.
    pub torn: bool,
    /// The origin of the rows. `None` if `manifest.json` cannot be read.
    pub(super) manifest: Option<Manifest>,
}

/// Why a folder cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It has no results.
    #[error("{path} has no runs.csv; {hint}", path = path.display())]
    NoResults {
        /// The folder.
        path: PathBuf,
        /// Which folder to use instead.
        hint: String,
    },
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] ResultsError),
    /// The file was not written by `run`.
    #[error("{path} is not a valid runs.csv: {source}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The row and the problem.
        source: io::Error,
    },
}

impl Folder {
    /// Reads the rows of the folder at `path` and their origin.
    ///
    /// # Errors
    /// If it has no `runs.csv`, or the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, FolderError> {
        let runs = path.join("runs.csv");
        let text = fs::read(&runs).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FolderError::NoResults {
                path: path.to_owned(),
                hint: hint(path),
            },
            _ => ResultsError::at(&runs)(source).into(),
        })?;
        let rows =
            Rows::parse(&text).map_err(|source| FolderError::Malformed { path: runs, source })?;
        // The manifest is only shown, so the rows can be compared without it.
        let manifest = fs::read(path.join("manifest.json")).ok();
        Ok(Self {
            path: path.to_owned(),
            records: rows.records,
            torn: rows.torn,
            manifest: manifest.and_then(|text| serde_json::from_slice(&text).ok()),
        })
    }

    /// The runners and shapers of its rows. There are several if rows of several sweeps were combined.
    pub(super) fn runners(&self) -> Vec<String> {
        let mut runners: Vec<_> = self
            .records
            .iter()
            .map(|record| format!("{}, {}", record.runner, record.shaper))
            .collect();
        runners.sort();
        runners.dedup();
        runners
    }
}

/// Suggests the folders inside `path` that have results.
fn hint(path: &Path) -> String {
    let inner = fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|inner| inner.join("runs.csv").is_file());
    let mut names: Vec<_> = inner.map(|inner| inner.display().to_string()).collect();
    names.sort();
    match names.is_empty() {
        true => "use a folder written by `backroom-lab run`, such as results/window/sim".to_owned(),
        false => format!("did you mean {}?", names.join(" or ")),
    }
}
