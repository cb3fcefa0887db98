//! A set of files that take the place of older ones together.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The names of the files that a program writes into a folder of results, besides its charts. These are listed in the
/// field `charts` of the manifest.
#[derive(Clone, Copy, Debug)]
pub struct ResultFiles {
    /// The manifest, a JSON object.
    pub manifest: &'static str,
    /// All others.
    pub others: &'static [&'static str],
}

impl ResultFiles {
    /// The results in `folder`: the files of this kind, and the charts. Empty if the manifest is missing or lists no
    /// charts, because then the files may be anybody's.
    pub fn in_folder(&self, folder: &Path) -> Vec<String> {
        match self.charts(folder) {
            Some(charts) => self.names().map(str::to_owned).chain(charts).collect(),
            None => Vec::new(),
        }
    }

    /// The charts that the manifest in `folder` lists. `None` without a manifest.
    fn charts(&self, folder: &Path) -> Option<Vec<String>> {
        let text = fs::read(folder.join(self.manifest)).ok()?;
        let manifest: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let charts = manifest.get("charts")?.as_array()?.iter();
        let names = charts.filter_map(|name| name.as_str());
        // A manifest is a file that anybody can change, so a name must not lead out of the folder.
        let plain = |name: &&str| Path::new(name).file_name() == Some(name.as_ref());
        Some(names.filter(plain).map(str::to_owned).collect())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.manifest).chain(self.others.iter().copied())
    }
}

/// New files for a folder. They are written to a temporary folder inside it. So the older ones stay complete until all
/// new ones are.
#[derive(Debug)]
pub struct Replacement {
    folder: PathBuf,
    files: TempDir,
}

/// Why new files did not take their places.
#[derive(Debug, thiserror::Error)]
pub enum ReplacementError {
    /// A file with such a name is not one of those to replace.
    #[error("{} exists, and this program did not write it; move it away", .0.display())]
    Foreign(PathBuf),
    /// A file cannot be written or moved.
    #[error("cannot write to {}: {source}", path.display())]
    File {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Replacement {
    /// Begins to replace files in `folder`.
    ///
    /// # Errors
    /// [`ReplacementError::File`] if the folder cannot be written.
    pub fn begin(folder: &Path) -> Result<Self, ReplacementError> {
        let files = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(folder)
            .map_err(failed(folder))?;
        let folder = folder.to_owned();
        Ok(Self { folder, files })
    }

    /// Where the new files are written.
    pub fn path(&self) -> &Path {
        self.files.path()
    }

    /// Moves the new files to their places and removes those of `replaced` that were not written again.
    ///
    /// # Errors
    /// [`ReplacementError`] if another file has the name of a new one, and nothing was changed; or if a file cannot be
    /// moved.
    pub fn finish(self, replaced: &[String]) -> Result<(), ReplacementError> {
        let names = names(self.path()).map_err(failed(&self.folder))?;
        let is_replaced = |name: &OsString| replaced.iter().any(|one| **one == **name);
        for name in names.iter().filter(|name| !is_replaced(name)) {
            let path = self.folder.join(name);
            if path.symlink_metadata().is_ok() {
                return Err(ReplacementError::Foreign(path));
            }
        }
        let move_all = || -> io::Result<()> {
            for name in &names {
                fs::rename(self.path().join(name), self.folder.join(name))?;
            }
            let is_written = |name: &String| names.iter().any(|one| **one == **name);
            for name in replaced.iter().filter(|name| !is_written(name)) {
                remove_if_there(&self.folder.join(name))?;
            }
            Ok(())
        };
        move_all().map_err(failed(&self.folder))
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ReplacementError {
    let path = path.to_owned();
    |source| ReplacementError::File { path, source }
}

/// The names of all entries of `folder`.
pub(crate) fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name()))
        .collect()
}

pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests {
    use super::*;

    const FILES: ResultFiles = ResultFiles {
        manifest: "manifest.json",
        others: &["runs.csv"],
    };

    fn read(path: PathBuf) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn new_files_replace_older_ones_together_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["a.svg", "b.svg", "photo.svg"] {
            fs::write(path(name), "old").unwrap();
        }
        let replaced = ["a.svg", "b.svg"].map(str::to_owned);
        let new = Replacement::begin(dir.path()).unwrap();
        fs::write(new.path().join("photo.svg"), "new").unwrap();
        fs::write(new.path().join("a.svg"), "new").unwrap();
        let refused = new.finish(&replaced).unwrap_err();
        assert!(refused.to_string().contains("photo.svg"), "{refused}");
        for name in ["a.svg", "b.svg", "photo.svg"] {
            assert_eq!(read(path(name)), "old");
        }
        let new = Replacement::begin(dir.path()).unwrap();
        fs::write(new.path().join("a.svg"), "new").unwrap();
        new.finish(&replaced).unwrap();
        assert_eq!(read(path("a.svg")), "new");
        assert_eq!(read(path("photo.svg")), "old");
        assert_eq!(names(dir.path()).unwrap().len(), 2);
    }

    #[test]
    fn a_manifest_names_charts_in_its_own_folder_only() {
        let dir = tempfile::tempdir().unwrap();
        assert!(FILES.in_folder(dir.path()).is_empty());
        let manifest = r#"{ "charts": ["a.svg", "../b.svg", "/c.svg", "..", "", 7] }"#;
        fs::write(dir.path().join("manifest.json"), manifest).unwrap();
        let found = FILES.in_folder(dir.path());
        assert_eq!(found, ["manifest.json", "runs.csv", "a.svg"]);
    }
}
