//! New folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no folder for new files.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It has files already.
    #[error(
        "{} is not empty, and no file in it is overwritten; choose another folder with --out",
        .0.display()
    )]
    Occupied(PathBuf),
    /// It holds results that were not completed.
    #[error(
        "{} holds the results of a run that did not end; move or remove this folder first",
        .0.display()
    )]
    Unfinished(PathBuf),
    /// Files that are not known to be results would have to be replaced.
    #[error(
        "{} is not replaced, because its manifest does not say which program wrote it; move it or choose another folder with --out",
        .0.display()
    )]
    Foreign(PathBuf),
    /// It cannot be created or read.
    #[error("cannot use the folder {}: {source}; choose another one with --out", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl FolderError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Unusable { path, source }
    }
}

/// Creates a folder called `path` or, if that exists, `path-2`, `path-3` and so on. Two programs never get the same one.
///
/// # Errors
/// [`FolderError::Unusable`] if it cannot be created.
pub fn new_folder(path: &Path) -> Result<PathBuf, FolderError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(FolderError::at(parent))?;
    }
    let mut number = 1;
    loop {
        let candidate = numbered(path, number);
        match fs::create_dir(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(FolderError::at(&candidate)(error)),
        }
    }
}

/// The folders that [`new_folder`] has created for `path` and that are still there, the newest first.
pub fn numbered_folders(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = |other: &str| match other.strip_prefix(&*name)? {
        "" => Some(1),
        rest => rest.strip_prefix('-')?.parse::<u64>().ok(),
    };
    let parent = path.parent().unwrap_or(Path::new(""));
    let mut found: Vec<_> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(|entry| number(entry.ok()?.file_name().to_str()?))
        .filter(|number| numbered(path, *number).is_dir())
        .collect();
    found.sort_unstable();
    let paths = found.into_iter().rev();
    paths.map(|number| numbered(path, number)).collect()
}

fn numbered(path: &Path, number: u64) -> PathBuf {
    match number {
        0 | 1 => path.to_owned(),
        number => {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(format!("-{number}"));
            path.with_file_name(name)
        }
    }
}

/// Creates the folder `path` unless it exists and is empty.
///
/// # Errors
/// [`FolderError`] if it is not empty or cannot be created.
pub fn empty_folder(path: &Path) -> Result<(), FolderError> {
    check_empty(path)?;
    fs::create_dir_all(path).map_err(FolderError::at(path))
}

/// Checks that `path` does not exist or is an empty folder.
pub(crate) fn check_empty(path: &Path) -> Result<(), FolderError> {
    match fs::read_dir(path) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(FolderError::Occupied(path.to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(FolderError::at(path)(error)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn each_new_folder_has_a_name_of_its_own_and_the_newest_is_found_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inner/sim");
        let made: Vec<_> = (0..11).map(|_| new_folder(&path).unwrap()).collect();
        assert_eq!(made[0], path);
        assert_eq!(made[10], dir.path().join("inner/sim-11"));
        fs::create_dir(dir.path().join("inner/simulated")).unwrap();
        fs::write(dir.path().join("inner/sim-99"), "a file").unwrap();
        let newest: Vec<_> = made.into_iter().rev().collect();
        assert_eq!(numbered_folders(&path), newest);
    }

    #[test]
    fn only_an_empty_folder_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        empty_folder(&path).unwrap();
        empty_folder(&path).unwrap();
        let file = path.join(".hidden");
        fs::write(&file, "mine").unwrap();
        let occupied = empty_folder(&path).unwrap_err();
        assert!(matches!(occupied, FolderError::Occupied(_)), "{occupied}");
        let unusable = empty_folder(&file).unwrap_err();
        assert!(
            matches!(unusable, FolderError::Unusable { .. }),
            "{unusable}"
        );
    }
}
