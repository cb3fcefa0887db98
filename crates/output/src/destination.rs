//! The folder for the results of a measurement.

use std::path::{Path, PathBuf};

use crate::folder::{FolderError, check_empty, empty_folder, new_folder, numbered_folders};
use crate::publish::{PublishError, publish};
use crate::replacement::ResultFiles;

/// The folder of published results. A repository may hold them.
const PUBLISHED: &str = "results";
/// The folder of all other results.
const LOCAL: &str = "results/local";

/// The options that choose the folder for the results.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct OutputArgs {
    /// New or empty folder for the results [default: a new one in results/local]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace the published results in results, or those in --out, when the new ones are complete
    #[arg(long)]
    pub publish: bool,
}

/// The places of a kind of results.
#[derive(Clone, Debug)]
pub struct Place {
    /// The path in `results/local`.
    pub local: PathBuf,
    /// The path in `results`.
    pub published: PathBuf,
    /// The files.
    pub files: ResultFiles,
}

impl Place {
    /// The folders in `results/local` that have results of this kind, the newest first.
    pub fn local_folders(&self) -> Vec<PathBuf> {
        numbered_folders(&Path::new(LOCAL).join(&self.local))
    }
}

/// A folder that is being filled with results.
#[derive(Clone, Debug)]
pub struct Destination {
    path: PathBuf,
    replaces: Option<PathBuf>,
    files: ResultFiles,
}

impl OutputArgs {
    /// Checks `--out` before anything is measured. [`new_destination`](Self::new_destination) checks it again.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn check(&self) -> Result<(), FolderError> {
        match (&self.out, self.publish) {
            (Some(out), false) => check_empty(out),
            (Some(out), true) => check_unused(&partial(out)),
            (None, _) => Ok(()),
        }
    }

    /// Creates an empty folder for results: `--out`, or a new one in `results/local`. With `--publish`, one beside the
    /// folder that it will replace.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn new_destination(&self, place: &Place) -> Result<Destination, FolderError> {
        if self.publish {
            let destination = self.publishing(place);
            destination.check_replaced()?;
            check_unused(&destination.path)?;
            empty_folder(&destination.path)?;
            return Ok(destination);
        }
        let path = match &self.out {
            Some(out) => {
                empty_folder(out)?;
                out.clone()
            }
            None => new_folder(&Path::new(LOCAL).join(&place.local))?,
        };
        Ok(Destination::of(path, place))
    }

    /// The destination with `--publish`, which may exist.
    pub fn publishing(&self, place: &Place) -> Destination {
        let published = Path::new(PUBLISHED).join(&place.published);
        let replaced = self.out.clone().unwrap_or(published);
        Destination {
            path: partial(&replaced),
            replaces: Some(replaced),
            files: place.files,
        }
    }
}

/// `NAME.partial` beside `path`.
fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

fn check_unused(partial: &Path) -> Result<(), FolderError> {
    check_empty(partial).map_err(|error| match error {
        FolderError::Occupied(path) => FolderError::Unfinished(path),
        error => error,
    })
}

impl Destination {
    /// The folder `path`, which replaces nothing.
    pub fn of(path: PathBuf, place: &Place) -> Self {
        Self {
            path,
            replaces: None,
            files: place.files,
        }
    }

    /// The folder `name` inside this one, whose results will replace those in `replaces`.
    pub fn inner(&self, name: &str, replaces: PathBuf) -> Self {
        Self {
            path: self.path.join(name),
            replaces: Some(replaces),
            files: self.files,
        }
    }

    /// The folder in which the results are written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder whose results these will replace.
    pub fn replaces(&self) -> Option<&Path> {
        self.replaces.as_deref()
    }

    /// Publishes the results if that was requested, now that they are complete. Returns the folder in which they are.
    ///
    /// # Errors
    /// [`PublishError`]
    pub fn finish(&self) -> Result<&Path, PublishError> {
        let Some(published) = &self.replaces else {
            return Ok(&self.path);
        };
        publish(&self.path, published, &self.files.in_folder(published))?;
        Ok(published)
    }

    /// Checks that the files which these results will replace are results.
    fn check_replaced(&self) -> Result<(), FolderError> {
        let Some(published) = &self.replaces else {
            return Ok(());
        };
        let known = self.files.in_folder(published);
        let mut others = (self.files.names()).map(|name| published.join(name));
        match others.find(|path| known.is_empty() && path.symlink_metadata().is_ok()) {
            Some(path) => Err(FolderError::Foreign(path)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests {
    use std::fs;

    use super::*;

    fn place() -> Place {
        Place {
            local: "window/sim".into(),
            published: "window/sim".into(),
            files: ResultFiles {
                manifest: "manifest.json",
                others: &["runs.csv"],
            },
        }
    }

    fn publish_to(out: &Path) -> OutputArgs {
        OutputArgs {
            out: Some(out.to_owned()),
            publish: true,
        }
    }

    #[test]
    fn results_are_built_beside_those_that_they_replace() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let begin = || publish_to(&out).new_destination(&place());
        for text in ["one", "two"] {
            let destination = begin().unwrap();
            assert_eq!(destination.path(), dir.path().join("out.partial"));
            fs::write(destination.path().join("runs.csv"), text).unwrap();
            fs::write(
                destination.path().join("manifest.json"),
                r#"{"charts": []}"#,
            )
            .unwrap();
            let again = begin().unwrap_err();
            assert!(matches!(again, FolderError::Unfinished(_)), "{again}");
            assert_eq!(destination.finish().unwrap(), out);
            assert_eq!(fs::read_to_string(out.join("runs.csv")).unwrap(), text);
        }
        assert!(!dir.path().join("out.partial").exists());
    }

    #[test]
    fn files_without_a_manifest_are_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("runs.csv"), "mine").unwrap();
        let refused = publish_to(dir.path())
            .new_destination(&place())
            .unwrap_err();
        assert!(matches!(refused, FolderError::Foreign(_)), "{refused}");
        assert!(!partial(dir.path()).exists());
    }
}
