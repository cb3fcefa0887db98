//! The file being received: a `.part` file in the download folder, until its hash is known to match.
//!
//! All operations are relative to the open download folder. No link is followed and no file is overwritten: the `.part` file is
//! created with `O_EXCL | O_NOFOLLOW` under a name that can't be guessed, and renamed with `RENAME_NOREPLACE`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use backroom_protocol::{FileAttributes, FileName, ModifiedTime, Permissions};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::folder::{self, DownloadFolder, Reservation};
use super::part_error::PartFileError;

/// How many names are tried, `name (1).ext` and so on.
const MAX_NAMES: u32 = 10_000;

/// How many `.part` names are tried. With 64 random bits the first is free in practice.
const MAX_PART_NAMES: u32 = 4;

/// A file that is being received. It is removed if it is dropped before it is published.
#[derive(Debug)]
pub struct PartFile {
    folder: File,
    folder_path: PathBuf,
    name: FileName,
    part_name: String,
    bytes: u64,
    modified: ModifiedTime,
    space: Reservation,
    /// Whether the file has its final name, and nothing is to be removed.
    published: bool,
    /// A test replaces it.
    sync_folder: fn(&File) -> io::Result<()>,
}

impl PartFile {
    /// Checks the limits and creates the `.part` file in `folder`. It has the sender's permissions, as far as the umask of this
    /// program and the folder's access control list grant them.
    ///
    /// # Errors
    /// [`PartFileError`]
    pub fn create(
        folder: &DownloadFolder,
        name: &FileName,
        bytes: u64,
        attributes: FileAttributes,
    ) -> Result<Self, PartFileError> {
        folder.check_size(bytes)?;
        let path = folder.path();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(CWD, path, flags, Mode::empty())
            .map_err(|error| PartFileError::Folder(path.to_owned(), error.into()))?;
        let handle = File::from(handle);
        let create = || create_part(&handle, path, name, attributes.permissions);
        let (part_name, space) = folder.reserve(&handle, bytes, create)?;
        Ok(Self {
            folder: handle,
            folder_path: path.to_owned(),
            bytes,
            name: name.clone(),
            part_name,
            modified: attributes.modified,
            space,
            published: false,
            sync_folder: folder::sync_folder,
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
        self.file()
            .try_clone()
            .map_err(|error| self.write_error(error))
    }

    /// Sets the modification time, and flushes the file to the disk, which may take long. Without it a crash could leave half a
    /// file under the final name.
    ///
    /// # Errors
    /// [`PartFileError`]; the `.part` file is then removed.
    pub(super) fn sync(&self) -> Result<(), PartFileError> {
        let metadata = self.file().metadata();
        if metadata.map_err(|error| self.write_error(error))?.len() != self.bytes {
            return Err(self.replaced());
        }
        if let Err(error) = set_modified(self.file(), self.modified) {
            // Some network file systems refuse. The contents matter more.
            tracing::debug!(%error, "can't set the modification time");
        }
        self.file()
            .sync_all()
            .map_err(|error| self.write_error(error))
    }

    /// Gives the file its final name, `name.ext`, or `name (1).ext` and so on if that exists, and writes the name to the disk.
    /// After that the file survives a power cut.
    ///
    /// # Errors
    /// [`PartFileError`]; the file is then removed.
    pub(super) fn publish(mut self) -> Result<PathBuf, PartFileError> {
        if !self.has_name(&self.part_name) {
            return Err(self.replaced());
        }
        let name = self.rename()?;
        // Something else may have taken the old name just before it was renamed.
        if self.is_another_file(&name) {
            let _ = rename_without_replacing(&self.folder, &name, &self.part_name);
            return Err(self.replaced());
        }
        let path = self.folder_path.join(&name);
        if let Err(error) = (self.sync_folder)(&self.folder) {
            self.part_name = name;
            return Err(PartFileError::Write(path, error));
        }
        self.published = true;
        Ok(path)
    }

    /// Returns the new name.
    fn rename(&self) -> Result<String, PartFileError> {
        for number in 0..MAX_NAMES {
            let name = numbered(self.name.as_str(), number);
            match rename_without_replacing(&self.folder, &self.part_name, &name) {
                Ok(()) => return Ok(name),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(self.write_error(error.into())),
            }
        }
        Err(PartFileError::NoName(self.name.clone()))
    }

    fn file(&self) -> &File {
        &self.space.file
    }

    /// Whether `name` is that of the file that was written, not that of a link or another file.
    fn has_name(&self, name: &str) -> bool {
        self.is_same_file(name).unwrap_or(false)
    }

    /// Whether something else has this name. A name that is gone is no other file: it may have been moved on already.
    fn is_another_file(&self, name: &str) -> bool {
        !self.is_same_file(name).unwrap_or(true)
    }

    fn is_same_file(&self, name: &str) -> Result<bool, Errno> {
        let named = rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let written = rustix::fs::fstat(self.file())?;
        Ok((named.st_dev, named.st_ino) == (written.st_dev, written.st_ino))
    }

    fn replaced(&self) -> PartFileError {
        PartFileError::Replaced(self.folder_path.join(&self.part_name))
    }

    pub(super) fn write_error(&self, error: io::Error) -> PartFileError {
        PartFileError::Write(self.folder_path.join(&self.part_name), error)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // What another program has put there is not removed.
        if self.published || !self.has_name(&self.part_name) {
            return;
        }
        if let Err(error) = rustix::fs::unlinkat(&self.folder, &self.part_name, AtFlags::empty()) {
            let path = self.folder_path.join(&self.part_name);
            tracing::warn!(path = %path.display(), %error, "can't remove an unfinished file; remove it by hand");
        }
    }
}

fn create_part(
    folder: &File,
    folder_path: &Path,
    name: &FileName,
    permissions: Permissions,
) -> Result<(String, File), PartFileError> {
    for _ in 0..MAX_PART_NAMES {
        let mut random = [0; 8];
        let part_name = getrandom::fill(&mut random)
            .map(|()| format!("{name}.{:016x}.part", u64::from_be_bytes(random)))
            .map_err(io::Error::other);
        let created = part_name
            .and_then(|name| open_part(folder, &name, permissions).map(|file| (name, file)));
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
fn open_part(folder: &File, part_name: &str, permissions: Permissions) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // From the first byte on nobody has more access than to the sender's file. The system takes away what the umask says.
    let mode = Mode::from_raw_mode(permissions.mode().into());
    let file = rustix::fs::openat(folder, part_name, flags, mode)?;
    Ok(file.into())
}

fn set_modified(file: &File, time: ModifiedTime) -> io::Result<()> {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: time.seconds(),
            tv_nsec: time.nanoseconds().into(),
        },
    };
    Ok(rustix::fs::futimens(file, &times)?)
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

/// Fails with `EEXIST` if `to` exists, even as a dangling link.
fn rename_without_replacing(folder: &File, from: &str, to: &str) -> Result<(), Errno> {
    match rustix::fs::renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        // Some file systems do not support the flag. A hard link does not replace anything either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rustix::fs::linkat(folder, from, folder, to, AtFlags::empty())?;
            rustix::fs::unlinkat(folder, from, AtFlags::empty())
        }
        renamed => renamed,
    }
}

#[cfg(test)]
mod tests;
