//! Going on with a sweep that was broken off.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;

use backroom_sim::{Axes, AxisError};
use serde::Deserialize;

use super::manifest::{Manifest, Resumption};
use super::{ResultsFolder, Rows, RunsFile, Table, UNFINISHED_RUNS};

/// Why a sweep can't go on in a folder.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// What is there belongs to a sweep that differs.
    #[error(
        "{path} holds another sweep: its {difference}; name the folder of this one with --out, or leave out --resume to replace it",
        path = path.display()
    )]
    Another {
        /// The folder.
        path: PathBuf,
        /// In what it differs.
        difference: String,
    },
    /// There are rows, but nothing says of which sweep.
    #[error(
        "{path} has rows, but no manifest.json that says of which sweep; leave out --resume to replace them",
        path = path.display()
    )]
    NoManifest {
        /// The folder.
        path: PathBuf,
    },
    /// What is there can't be read or gone on with.
    #[error("{path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What of a manifest decides whether a sweep is the same one. The commit does not.
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
    /// What the sweep of `manifest` has written here before it was broken off; a row that is not whole is cut off. Nothing
    /// where it wrote nothing. The manifest takes over when and from which commit it began.
    ///
    /// # Errors
    /// [`ResumeError`] when what is here is of another sweep; nothing is changed then.
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
            Some(told) => {
                let earlier = serde_json::from_slice(&told)
                    .map_err(|error| unreadable("manifest.json")(error.into()))?;
                self.take_over(earlier, manifest)?;
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

    /// Goes on with `runs.csv` after `rows`.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn runs_after(&self, rows: &Rows) -> Result<RunsFile, super::ResultsError> {
        if rows.bytes == 0 {
            return self.runs();
        }
        let error = self.error("runs.csv");
        let path = self.path().join("runs.csv");
        if rows.lacks_columns {
            self.write_anew(rows)?;
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

    /// Gives rows the columns that there were not yet when they were written: rows with them could not follow.
    fn write_anew(&self, rows: &Rows) -> Result<(), super::ResultsError> {
        let mut anew = RunsFile(self.table(UNFINISHED_RUNS)?);
        for record in &rows.records {
            anew.write(record)?;
        }
        let [unfinished, path] = [UNFINISHED_RUNS, "runs.csv"].map(|name| self.path().join(name));
        fs::rename(unfinished, path).map_err(self.error("runs.csv"))
    }

    /// What a file here holds; `None` if there is none.
    fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path().join(file)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn take_over(&self, earlier: Earlier, manifest: &mut Manifest) -> Result<(), ResumeError> {
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
    /// The values of an axis. One that there was not yet had its default.
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
    /// The first thing in which it is not the sweep of `manifest`.
    fn difference(&self, manifest: &Manifest) -> Option<String> {
        let (there, here) = (&self.scenario, &manifest.scenario);
        let until = |until: Option<f64>| until.map_or("none".to_owned(), |part| part.to_string());
        let all = [
            ("scenario", there.name.clone(), here.name.clone()),
            ("runner", self.runner.clone(), manifest.runner.to_owned()),
            ("shaper", self.shaper.clone(), manifest.shaper.to_owned()),
            ("seed", there.seed.to_string(), here.seed.to_string()),
            (
                "repetitions",
                there.repetitions.to_string(),
                here.repetitions.to_string(),
            ),
            ("--until-ci", until(self.until_ci), until(manifest.until_ci)),
        ];
        let said =
            |name: &str, there: &str, here: &str| format!("{name} is {there}, and not {here}");
        all.iter()
            .find(|(_, there, here)| there != here)
            .map(|(name, there, here)| said(name, there, here))
            .or_else(|| {
                let (axis, there, here) = here
                    .axes
                    .iter()
                    .map(|(axis, here)| (axis, there.values(axis), here))
                    .find(|(_, there, here)| there != *here)?;
                Some(said(axis, &there.to_string(), &here.to_string()))
            })
    }
}
