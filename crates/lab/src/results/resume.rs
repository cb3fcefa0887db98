//! Resumes an interrupted sweep.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;

use backroom_sim::{Axes, AxisError};

use super::manifest::{Manifest, Resumption, ScenarioAsRun};
use super::{CsvFile, MANIFEST, RUNS, ResultsError, ResultsFolder, Rows, UNFINISHED_RUNS};

/// Why a sweep cannot be resumed in a folder.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The folder has the results of a different sweep.
    #[error(
        "{path} has the results of another sweep: its {difference}; start a new sweep in another folder, without --resume",
        path = path.display()
    )]
    Another {
        /// The folder.
        path: PathBuf,
        /// The first difference.
        difference: String,
    },
    /// There are rows, but no manifest that identifies their sweep.
    #[error(
        "{} has rows but no manifest.json, so their sweep is unknown; choose another folder with --out",
        .0.display()
    )]
    NoManifest(PathBuf),
    /// A file of the sweep cannot be read.
    #[error(transparent)]
    File(#[from] ResultsError),
}

impl ResultsFolder {
    /// Reads the rows that the sweep of `manifest` wrote before it was interrupted, without an incomplete last row.
    /// Copies the start time, the commit and the charts of the existing manifest to `manifest`.
    ///
    /// # Errors
    /// [`ResumeError`] if the files belong to another sweep or cannot be read.
    pub fn earlier_rows(&self, manifest: &mut Manifest) -> Result<Rows, ResumeError> {
        let text = self.read(RUNS)?.unwrap_or_default();
        let path = self.path.clone();
        match self.read(MANIFEST)? {
            Some(json) => {
                let earlier: Manifest = serde_json::from_slice(&json)
                    .map_err(|error| ResultsError::at(path.join(MANIFEST))(error.into()))?;
                if let Some(difference) = difference(&earlier, manifest) {
                    return Err(ResumeError::Another { path, difference });
                }
                let now = Resumption {
                    at: std::mem::replace(&mut manifest.started, earlier.started),
                    commit: std::mem::replace(&mut manifest.commit, earlier.commit),
                };
                manifest.charts = earlier.charts;
                manifest.resumed = earlier.resumed;
                manifest.resumed.push(now);
            }
            None if text.is_empty() => {}
            None => return Err(ResumeError::NoManifest(path)),
        }
        Ok(Rows::parse(&text).map_err(ResultsError::at(self.path.join(RUNS)))?)
    }

    /// Opens `runs.csv` to append after `rows`, creating it if necessary, and removes an incomplete last row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn runs_after(&self, rows: &Rows) -> Result<CsvFile, ResultsError> {
        let path = self.path.join(RUNS);
        if rows.lacks_columns {
            self.rewrite(rows)?;
        }
        let append = || -> io::Result<File> {
            let file = OpenOptions::new().append(true).create(true).open(&path)?;
            if !rows.lacks_columns {
                file.set_len(rows.bytes)?;
            }
            Ok(file)
        };
        let file = append().map_err(ResultsError::at(&path))?;
        Ok(CsvFile {
            path,
            writer: csv::Writer::from_writer(file),
            needs_header: rows.bytes == 0,
        })
    }

    /// Rewrites rows of an older version with all current columns, because new rows must have the same columns.
    fn rewrite(&self, rows: &Rows) -> Result<(), ResultsError> {
        let [unfinished, path] = [UNFINISHED_RUNS, RUNS].map(|name| self.path.join(name));
        // A lab that was killed may have left it. If it cannot be removed, it cannot be created either.
        let _ = fs::remove_file(&unfinished);
        let mut file = CsvFile::create(unfinished.clone())?;
        for record in &rows.records {
            file.write(record)?;
        }
        fs::rename(unfinished, &path).map_err(ResultsError::at(path))
    }

    /// Content of a file in this folder. `None` if it does not exist.
    fn read(&self, file: &str) -> Result<Option<Vec<u8>>, ResultsError> {
        let path = self.path.join(file);
        match fs::read(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ResultsError::at(path)(error)),
        }
    }
}

/// The first difference between the sweeps of two manifests. The commit may differ.
pub fn difference(earlier: &Manifest, current: &Manifest) -> Option<String> {
    let until = |manifest: &Manifest| {
        let fraction = manifest.until_ci;
        fraction.map_or("none".to_owned(), |fraction| fraction.to_string())
    };
    let settings = |manifest: &Manifest| {
        let scenario = &manifest.scenario;
        [
            ("scenario", scenario.name.clone()),
            ("runner", manifest.runner.clone()),
            ("shaper", manifest.shaper.clone()),
            ("clock", manifest.clock().to_string()),
            ("seed", scenario.seed.to_string()),
            ("repetitions", scenario.repetitions.to_string()),
            ("--until-ci", until(manifest)),
        ]
    };
    let axes = current.scenario.axes.iter();
    settings(earlier)
        .into_iter()
        .zip(settings(current))
        .map(|((name, was), (_, is))| (name, was, is))
        .chain(axes.map(|(axis, is)| {
            let was = values(&earlier.scenario, axis);
            (axis.as_str(), was.to_string(), is.to_string())
        }))
        .find(|(_, was, is)| was != is)
        .map(|(name, was, is)| format!("{name} is {was}, not {is}"))
}

/// The values of an axis. An axis that did not exist at that time has its default.
fn values(scenario: &ScenarioAsRun, axis: &str) -> serde_json::Value {
    let default = || -> Result<Vec<String>, AxisError> {
        Ok(Axes::with_defaults()?.values(axis.parse()?).to_vec())
    };
    match scenario.axes.get(axis) {
        Some(values) => values.clone(),
        None => default().map_or(serde_json::Value::Null, Into::into),
    }
}
