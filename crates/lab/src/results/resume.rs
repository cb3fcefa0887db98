//! Resumes an interrupted sweep.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;

use backroom_sim::{Axes, AxisError};
use serde::Deserialize;

use super::manifest::{Manifest, Resumption};
use super::{ResultsFolder, Rows, RunsFile, Table, UNFINISHED_RUNS};

/// Why a sweep cannot be resumed in a folder.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The folder has the results of a different sweep.
    #[error(
        "{path} has the results of another sweep: its {difference}; select another folder with --out, or omit --resume to replace the results",
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
        "{path} has rows but no manifest.json, so their sweep is unknown; omit --resume to replace them",
        path = path.display()
    )]
    NoManifest {
        /// The folder.
        path: PathBuf,
    },
    /// A file of the sweep cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// The fields of an existing manifest that are compared with those of the resumed sweep, or kept. The commit may
/// differ.
#[derive(Debug, Deserialize)]
struct Earlier {
    commit: String,
    runner: String,
    shaper: String,
    until_ci: Option<f64>,
    started: String,
    #[serde(default)]
    resumed: Vec<Resumption>,
    scenario: EarlierScenario,
}

#[derive(Debug, Deserialize)]
struct EarlierScenario {
    name: String,
    seed: u64,
    repetitions: u32,
    axes: serde_json::Map<String, serde_json::Value>,
}

impl ResultsFolder {
    /// Reads the rows that the sweep of `manifest` wrote before it was interrupted, without an incomplete last row.
    /// Copies the start time and the commit of the existing manifest to `manifest`.
    ///
    /// # Errors
    /// [`ResumeError`] if the files belong to another sweep or cannot be read.
    pub fn earlier_rows(&self, manifest: &mut Manifest) -> Result<Rows, ResumeError> {
        let unreadable = |file: &str| {
            let path = self.path().join(file);
            move |source| ResumeError::Unreadable { path, source }
        };
        let text = self
            .read("runs.csv")
            .map_err(unreadable("runs.csv"))?
            .unwrap_or_default();
        match self
            .read("manifest.json")
            .map_err(unreadable("manifest.json"))?
        {
            Some(json) => {
                let earlier = serde_json::from_slice(&json)
                    .map_err(|error| unreadable("manifest.json")(error.into()))?;
                self.continue_from(earlier, manifest)?;
            }
            None if text.is_empty() => {}
            None => {
                return Err(ResumeError::NoManifest {
                    path: self.path().to_owned(),
                });
            }
        }
        Rows::parse(&text).map_err(|error| unreadable("runs.csv")(io::Error::other(error)))
    }

    /// Opens `runs.csv` to append after `rows`, and removes an incomplete last row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn runs_after(&self, rows: &Rows) -> Result<RunsFile, super::ResultsError> {
        if rows.bytes == 0 {
            return self.runs();
        }
        let error = self.error("runs.csv");
        let path = self.path().join("runs.csv");
        if rows.lacks_columns {
            self.rewrite(rows)?;
        }
        let append = || -> io::Result<File> {
            let file = OpenOptions::new().append(true).open(&path)?;
            if !rows.lacks_columns {
                file.set_len(rows.bytes)?;
            }
            Ok(file)
        };
        let file = append().map_err(error)?;
        Ok(RunsFile(Table::new(path, file, false)))
    }

    /// Rewrites rows of an older version with all current columns, because new rows must have the same columns.
    fn rewrite(&self, rows: &Rows) -> Result<(), super::ResultsError> {
        let mut file = RunsFile(self.table(UNFINISHED_RUNS)?);
        for record in &rows.records {
            file.write(record)?;
        }
        let [unfinished, path] = [UNFINISHED_RUNS, "runs.csv"].map(|name| self.path().join(name));
        fs::rename(unfinished, path).map_err(self.error("runs.csv"))
    }

    /// Content of a file in this folder. `None` if it does not exist.
    fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path().join(file)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn continue_from(&self, earlier: Earlier, manifest: &mut Manifest) -> Result<(), ResumeError> {
        if let Some(difference) = earlier.difference(manifest) {
            return Err(ResumeError::Another {
                path: self.path().to_owned(),
                difference,
            });
        }
        let now = Resumption {
            at: std::mem::replace(&mut manifest.started, earlier.started),
            commit: std::mem::replace(&mut manifest.commit, earlier.commit),
        };
        manifest.resumed = earlier.resumed;
        manifest.resumed.push(now);
        Ok(())
    }
}

impl EarlierScenario {
    /// The values of an axis. An axis that did not exist at that time has its default.
    fn values(&self, axis: &str) -> serde_json::Value {
        let default = || -> Result<Vec<String>, AxisError> {
            Ok(Axes::with_defaults()?.values(axis.parse()?).to_vec())
        };
        match self.axes.get(axis) {
            Some(values) => values.clone(),
            None => default().map_or(serde_json::Value::Null, Into::into),
        }
    }
}

impl Earlier {
    /// The first difference from the sweep of `manifest`.
    fn difference(&self, manifest: &Manifest) -> Option<String> {
        let (earlier, current) = (&self.scenario, &manifest.scenario);
        let until =
            |until: Option<f64>| until.map_or("none".to_owned(), |fraction| fraction.to_string());
        let all = [
            ("scenario", earlier.name.clone(), current.name.clone()),
            ("runner", self.runner.clone(), manifest.runner.to_owned()),
            ("shaper", self.shaper.clone(), manifest.shaper.to_owned()),
            ("seed", earlier.seed.to_string(), current.seed.to_string()),
            (
                "repetitions",
                earlier.repetitions.to_string(),
                current.repetitions.to_string(),
            ),
            ("--until-ci", until(self.until_ci), until(manifest.until_ci)),
        ];
        let describe = |name: &str, was: &str, is: &str| format!("{name} is {was}, not {is}");
        all.iter()
            .find(|(_, was, is)| was != is)
            .map(|(name, was, is)| describe(name, was, is))
            .or_else(|| {
                let (axis, was, is) = current
                    .axes
                    .iter()
                    .map(|(axis, is)| (axis, earlier.values(axis), is))
                    .find(|(_, was, is)| was != *is)?;
                Some(describe(axis, &was.to_string(), &is.to_string()))
            })
    }
}
