//! Putting complete results in the place of published ones.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::replacement::{names, remove_if_there};

/// Why results were not published. The published ones are as they were.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A file of the new results has the name of a file that is not one of the old results.
    #[error(
        "{} exists, and this program did not write it; the new results stay in {}",
        file.display(),
        new.display()
    )]
    Foreign {
        /// The file.
        file: PathBuf,
        /// The new results.
        new: PathBuf,
    },
    /// A folder or file cannot be moved.
    #[error("cannot put {} in the place of {}: {source}", new.display(), published.display())]
    Move {
        /// The new results.
        new: PathBuf,
        /// The published results.
        published: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Puts the folder `new` in the place of the folder `published`, in one step. All entries of `published` except
/// `replaced` stay there, and `replaced` are removed.
///
/// # Errors
/// [`PublishError`]
pub(crate) fn publish(
    new: &Path,
    published: &Path,
    replaced: &[String],
) -> Result<(), PublishError> {
    let failed = |source| PublishError::Move {
        new: new.to_owned(),
        published: published.to_owned(),
        source,
    };
    if !published.exists() {
        let parent = published.parent().unwrap_or(Path::new(""));
        return fs::create_dir_all(parent)
            .and_then(|()| fs::rename(new, published))
            .map_err(failed);
    }
    let mut kept = names(published).map_err(failed)?;
    kept.retain(|name| !replaced.iter().any(|one| **one == **name));
    if let Some(name) = kept.iter().find(|name| new.join(name).exists()) {
        return Err(PublishError::Foreign {
            file: published.join(name),
            new: new.to_owned(),
        });
    }
    let mut moved = Vec::new();
    let mut swap = || -> io::Result<()> {
        for name in &kept {
            fs::rename(published.join(name), new.join(name))?;
            moved.push(name);
        }
        exchange(new, published)
    };
    if let Err(error) = swap() {
        for name in moved {
            // If this fails too, the file is with the new results, whose folder the error names.
            let _ = fs::rename(new.join(name), published.join(name));
        }
        return Err(failed(error));
    }
    // `new` now has the old results. It is removed only if nothing else is in it.
    let remove = || -> io::Result<()> {
        for name in replaced {
            remove_if_there(&new.join(name))?;
        }
        fs::remove_dir(new)
    };
    remove().map_err(failed)
}

/// Exchanges the names of two folders.
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        exchanged => return Ok(exchanged?),
    }
    // Not every file system exchanges names in one step.
    let aside = tempfile::Builder::new().prefix(".old-").tempdir_in(
        other
            .parent()
            .filter(|path| *path != Path::new(""))
            .unwrap_or(Path::new(".")),
    )?;
    let old = aside.path().join("old");
    fs::rename(other, &old)?;
    if let Err(error) = fs::rename(one, other) {
        fs::rename(&old, other)?;
        return Err(error);
    }
    fs::rename(&old, one)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests {
    use super::*;

    fn folder(path: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(path).unwrap();
        for (name, text) in files {
            fs::write(path.join(name), text).unwrap();
        }
    }

    fn content(path: &Path) -> Vec<(String, String)> {
        let mut files: Vec<_> = names(path)
            .unwrap()
            .into_iter()
            .map(|name| {
                let text = fs::read_to_string(path.join(&name)).unwrap();
                (name.into_string().unwrap(), text)
            })
            .collect();
        files.sort();
        files
    }

    fn pairs(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn old_results_are_replaced_and_other_files_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (new, published) = (dir.path().join("new"), dir.path().join("a/published"));
        folder(&new, &[("runs.csv", "one")]);
        publish(&new, &published, &[]).unwrap();
        folder(&published, &[("README.md", "mine"), ("old.svg", "one")]);
        folder(&new, &[("runs.csv", "two"), ("new.svg", "two")]);
        let replaced = ["runs.csv", "old.svg"].map(str::to_owned);
        publish(&new, &published, &replaced).unwrap();
        let expected = [
            ("README.md", "mine"),
            ("new.svg", "two"),
            ("runs.csv", "two"),
        ];
        assert_eq!(content(&published), pairs(&expected));
        assert!(!new.exists());
    }

    #[test]
    fn a_file_of_somebody_else_keeps_both_folders_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let (new, published) = (dir.path().join("new"), dir.path().join("published"));
        let theirs = [("a.txt", "mine"), ("runs.csv", "mine")];
        folder(&new, &[("runs.csv", "two")]);
        folder(&published, &theirs);
        let refused = publish(&new, &published, &[]).unwrap_err();
        assert!(matches!(refused, PublishError::Foreign { .. }), "{refused}");
        assert_eq!(content(&published), pairs(&theirs));
        assert_eq!(content(&new), pairs(&[("runs.csv", "two")]));
    }
}
