//! What a comparison reads of a folder of results.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::record::RunRecord;
use crate::results::{Rows, RowsError};

/// A folder that `run` wrote.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// The whole rows of its `runs.csv`.
    pub records: Vec<RunRecord>,
    /// Whether its last row is not whole, as a killed sweep leaves it. It is left out.
    pub torn: bool,
    /// Where they come from, as far as its `manifest.json` says.
    pub(super) origin: Origin,
}

/// What a reader wants to know of where numbers come from. All of it may be missing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Origin {
    pub(super) commit: Option<String>,
    pub(super) host: Machine,
}

/// What numbers depend on besides the code.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Machine {
    pub(super) kernel: Option<String>,
    pub(super) processor: Option<String>,
    pub(super) cores: Option<usize>,
}

/// Why a folder can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// No sweep wrote it.
    #[error("{path} has no runs.csv; {hint}", path = path.display())]
    NoResults {
        /// The folder.
        path: PathBuf,
        /// What to name instead.
        hint: String,
    },
    /// The file is there, but not to be read.
    #[error("{path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is none that `run` wrote.
    #[error("{path} is no table of runs: {source}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, and what is wrong there.
        source: RowsError,
    },
}

impl Folder {
    /// Reads the rows in `path`, and where they come from.
    ///
    /// # Errors
    /// When there are none, or they can't be read.
    pub fn read(path: &Path) -> Result<Self, FolderError> {
        let runs = path.join("runs.csv");
        let text = fs::read(&runs).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FolderError::NoResults {
                path: path.to_owned(),
                hint: hint(path),
            },
            _ => FolderError::Unreadable {
                path: runs.clone(),
                source,
            },
        })?;
        let rows =
            Rows::parse(&text).map_err(|source| FolderError::Malformed { path: runs, source })?;
        // Numbers without a manifest are still numbers.
        let origin = fs::read(path.join("manifest.json"))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        Ok(Self {
            path: path.to_owned(),
            records: rows.records,
            torn: rows.torn,
            origin,
        })
    }

    /// Which runner and shaper made its rows; several where rows of several were put together.
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

/// Names folders in `path` that do have results.
fn hint(path: &Path) -> String {
    let inner = fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|inner| inner.join("runs.csv").is_file());
    let mut names: Vec<_> = inner.map(|inner| inner.display().to_string()).collect();
    names.sort();
    match names.is_empty() {
        true => "name a folder that `backroom-lab run` wrote, like results/window/sim".to_owned(),
        false => format!("did you mean {}?", names.join(" or ")),
    }
}
