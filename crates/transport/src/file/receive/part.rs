//! The file being received: a `.part` file in the download folder, until its hash is known to match.
//!
//! All operations are relative to the open download folder. No link is followed and no file is overwritten: the `.part` file is
//! created with `O_EXCL | O_NOFOLLOW` under a name that can't be guessed, and renamed with `RENAME_NOREPLACE`.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use backroom_protocol::FileName;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// How many names are tried, `name (1).ext` and so on.
const MAX_NAMES: u32 = 10_000;

/// How many `.part` names are tried. With 64 random bits the first is free in practice.
const MAX_PART_NAMES: u32 = 4;

/// Limits for a received file.
#[derive(Debug, Clone, Copy)]
pub struct ReceiveLimits {
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// Space that must stay free on the download folder's disk, in bytes.
    pub keep_free_bytes: u64,
}

impl Default for ReceiveLimits {
    /// Any size, and 64 MiB must stay free.
    fn default() -> Self {
        Self {
            max_bytes: u64::MAX,
            keep_free_bytes: 64 << 20,
        }
    }
}

/// Why a file can't be received or renamed.
#[derive(Debug, thiserror::Error)]
pub enum PartFileError {
    /// The file exceeds the limit.
    #[error("the file has {bytes} bytes; at most {max_bytes} are accepted here")]
    TooLarge {
        /// The file's size.
        bytes: u64,
        /// The limit, in bytes.
        max_bytes: u64,
    },
    /// The disk has too little space.
    #[error(
        "the download folder needs {needed_bytes} bytes of free space and has {free_bytes}; delete some files"
    )]
    NoSpace {
        /// The file's size plus what must stay free.
        needed_bytes: u64,
        /// The free space.
        free_bytes: u64,
    },
    /// The download folder can't be used.
    #[error("can't use the download folder {path}: {1}", path = .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// The `.part` file can't be created, written or renamed.
    #[error("can't write {path}: {1}", path = .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// Every name tried is taken.
    #[error("{0} and all its numbered variants exist already; clean up the download folder")]
    NoName(FileName),
}

/// A file that is being received. It is removed if it is dropped before it is published.
#[derive(Debug)]
pub struct PartFile {
    folder: OwnedFd,
    folder_path: PathBuf,
    name: FileName,
    part_name: String,
    file: File,
    /// Whether the `.part` file is gone.
    published: bool,
}

impl PartFile {
    /// Checks the limits and creates the `.part` file in `folder`.
    ///
    /// # Errors
    /// [`PartFileError`]
    pub fn create(
        folder: &Path,
        name: &FileName,
        bytes: u64,
        limits: &ReceiveLimits,
    ) -> Result<Self, PartFileError> {
        if bytes > limits.max_bytes {
            return Err(PartFileError::TooLarge {
                bytes,
                max_bytes: limits.max_bytes,
            });
        }
        let folder_error = |error: Errno| PartFileError::Folder(folder.to_owned(), error.into());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(CWD, folder, flags, Mode::empty()).map_err(folder_error)?;
        let disk = rustix::fs::fstatvfs(&handle).map_err(folder_error)?;
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        let needed_bytes = bytes.saturating_add(limits.keep_free_bytes);
        if needed_bytes > free_bytes {
            return Err(PartFileError::NoSpace {
                needed_bytes,
                free_bytes,
            });
        }
        let (part_name, file) = create_part(&handle, folder, name)?;
        Ok(Self {
            folder: handle,
            folder_path: folder.to_owned(),
            name: name.clone(),
            part_name,
            file,
            published: false,
        })
    }

    /// The path that the file will have, unless another file takes the name first.
    pub fn intended_path(&self) -> PathBuf {
        let is_free = |name: &String| {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::statat(&self.folder, name, flags).is_err()
        };
        let name = (0..MAX_NAMES)
            .map(|number| numbered(self.name.as_str(), number))
            .find(is_free);
        self.folder_path
            .join(name.unwrap_or_else(|| self.name.to_string()))
    }

    /// A handle for writing.
    ///
    /// # Errors
    /// The system's error, for example too many open files.
    pub(super) fn writer(&self) -> Result<File, PartFileError> {
        self.file
            .try_clone()
            .map_err(|error| self.write_error(error))
    }

    /// Flushes the file to the disk, which may take long. Without it a crash could leave half a file under the final name.
    ///
    /// # Errors
    /// [`PartFileError`]; the `.part` file is then removed.
    pub(super) fn sync(&self) -> Result<(), PartFileError> {
        self.file
            .sync_data()
            .map_err(|error| self.write_error(error))
    }

    /// Gives the file its final name: `name.ext`, or `name (1).ext` and so on if that exists.
    ///
    /// # Errors
    /// [`PartFileError`]; the `.part` file is then removed.
    pub(super) fn publish(mut self) -> Result<PathBuf, PartFileError> {
        for number in 0..MAX_NAMES {
            let name = numbered(self.name.as_str(), number);
            match rename_without_replacing(&self.folder, &self.part_name, &name) {
                Ok(part_remains) => {
                    self.published = !part_remains;
                    return Ok(self.folder_path.join(name));
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(self.write_error(error.into())),
            }
        }
        Err(PartFileError::NoName(self.name.clone()))
    }

    pub(super) fn write_error(&self, error: io::Error) -> PartFileError {
        PartFileError::Write(self.folder_path.join(&self.part_name), error)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if self.published {
            return;
        }
        if let Err(error) = rustix::fs::unlinkat(&self.folder, &self.part_name, AtFlags::empty()) {
            let path = self.folder_path.join(&self.part_name);
            tracing::warn!(path = %path.display(), %error, "can't remove an unfinished file; remove it by hand");
        }
    }
}

fn create_part(
    folder: &OwnedFd,
    folder_path: &Path,
    name: &FileName,
) -> Result<(String, File), PartFileError> {
    for _ in 0..MAX_PART_NAMES {
        let mut random = [0; 8];
        let part_name = getrandom::fill(&mut random)
            .map(|()| format!("{name}.{:016x}.part", u64::from_be_bytes(random)))
            .map_err(io::Error::other);
        let created = part_name.and_then(|name| open_part(folder, &name).map(|file| (name, file)));
        match created {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => {
                return created.map_err(|error| {
                    PartFileError::Write(folder_path.join(format!("{name}.part")), error)
                });
            }
        }
    }
    Err(PartFileError::NoName(name.clone()))
}

/// Creates a file. Fails if anything has the name, even a dangling link.
fn open_part(folder: &OwnedFd, part_name: &str) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
    let file = rustix::fs::openat(folder, part_name, flags, mode)?;
    Ok(file.into())
}

/// `name`, then `name (1).ext`, `name (2).ext` and so on.
fn numbered(name: &str, number: u32) -> String {
    if number == 0 {
        return name.to_owned();
    }
    match name.rfind('.') {
        Some(dot) if dot > 0 => format!("{} ({number}){}", &name[..dot], &name[dot..]),
        _ => format!("{name} ({number})"),
    }
}

/// Fails with `EEXIST` if `to` exists, even as a dangling link. True if `from` remains.
fn rename_without_replacing(folder: &OwnedFd, from: &str, to: &str) -> Result<bool, Errno> {
    match rustix::fs::renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        // Some file systems do not support the flag. A hard link does not replace anything either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rustix::fs::linkat(folder, from, folder, to, AtFlags::empty()).map(|()| true)
        }
        renamed => renamed.map(|()| false),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    fn received(folder: &Path, name: &str, contents: &[u8]) -> PathBuf {
        let name = FileName::new(name).unwrap();
        let part = PartFile::create(
            folder,
            &name,
            contents.len() as u64,
            &ReceiveLimits::default(),
        )
        .unwrap();
        part.writer().unwrap().write_all(contents).unwrap();
        let intended = part.intended_path();
        let path = part.publish().unwrap();
        assert_eq!(path, intended, "nobody took the name meanwhile");
        path
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number_in_front_of_its_extension() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("report.tar.gz"), "mine").unwrap();
        fs::create_dir(folder.path().join("notes")).unwrap();
        for (name, expected) in [
            ("report.tar.gz", "report.tar (1).gz"),
            ("report.tar.gz", "report.tar (2).gz"),
            ("notes", "notes (1)"),
            ("new.txt", "new.txt"),
        ] {
            assert_eq!(
                received(folder.path(), name, b"theirs"),
                folder.path().join(expected)
            );
        }
        assert_eq!(
            fs::read(folder.path().join("report.tar.gz")).unwrap(),
            b"mine"
        );
    }

    #[test]
    fn a_link_under_the_final_name_is_neither_followed_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "untouched").unwrap();
        symlink(&victim, folder.path().join("file")).unwrap();
        symlink(
            folder.path().join("nowhere"),
            folder.path().join("dangling"),
        )
        .unwrap();
        assert_eq!(
            received(folder.path(), "file", b"new"),
            folder.path().join("file (1)")
        );
        assert_eq!(
            received(folder.path(), "dangling", b"new"),
            folder.path().join("dangling (1)")
        );
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");
        assert!(!folder.path().join("nowhere").exists());
    }

    #[test]
    fn a_link_or_file_under_the_part_name_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "untouched").unwrap();
        symlink(&victim, folder.path().join("link.part")).unwrap();
        symlink(
            folder.path().join("nowhere"),
            folder.path().join("dangling.part"),
        )
        .unwrap();
        let handle = OwnedFd::from(File::open(folder.path()).unwrap());
        for name in ["link.part", "dangling.part", "victim"] {
            let error = open_part(&handle, name).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{name}");
        }
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");
        assert!(!folder.path().join("nowhere").exists());
    }

    #[test]
    fn a_folder_that_is_renamed_meanwhile_is_still_the_one_written_to() {
        let parent = tempfile::tempdir().unwrap();
        let (before, after) = (parent.path().join("before"), parent.path().join("after"));
        fs::create_dir(&before).unwrap();
        let name = FileName::new("file").unwrap();
        let part = PartFile::create(&before, &name, 0, &ReceiveLimits::default()).unwrap();
        fs::rename(&before, &after).unwrap();
        symlink("/", &before).unwrap();
        part.publish().unwrap();
        assert!(after.join("file").exists());
    }

    #[test]
    fn what_is_not_published_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let name = FileName::new("file").unwrap();
        let part = PartFile::create(folder.path(), &name, 0, &ReceiveLimits::default()).unwrap();
        assert_eq!(part.intended_path(), folder.path().join("file"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(part);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
