//! The file being received: a `.part` beside its final name, until its hash is known to match.
//!
//! Everything is done relative to the open download folder, and nothing is followed or overwritten: the `.part` is
//! created with `O_EXCL | O_NOFOLLOW` under a name nobody can guess, and renamed with `RENAME_NOREPLACE`.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use backroom_protocol::FileName;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// How many taken names are tried, `name (1).ext` and so on, before giving up.
const MAX_NAMES: u32 = 10_000;

/// How often a guessed `.part` name may collide; with 64 random bits it never should.
const MAX_PART_NAMES: u32 = 4;

/// What may be received.
#[derive(Debug, Clone, Copy)]
pub struct ReceiveLimits {
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// What must stay free on the download folder's disk, in bytes.
    pub keep_free_bytes: u64,
}

impl Default for ReceiveLimits {
    /// Any size, and 64 MiB of the disk stay free.
    fn default() -> Self {
        Self {
            max_bytes: u64::MAX,
            keep_free_bytes: 64 << 20,
        }
    }
}

/// Why a file can't be received, or can't get its name.
#[derive(Debug, thiserror::Error)]
pub enum PartFileError {
    /// Larger than allowed.
    #[error("the file has {bytes} bytes, and at most {max_bytes} are accepted here")]
    TooLarge {
        /// The file's size.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The disk is too full.
    #[error(
        "the file needs {needed_bytes} bytes and the disk has {free_bytes} free; make room in the download folder"
    )]
    NoSpace {
        /// The file's size and what must stay free.
        needed_bytes: u64,
        /// What the disk has.
        free_bytes: u64,
    },
    /// The download folder can't be used.
    #[error("can't use the download folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The `.part` file can't be created, written or renamed.
    #[error("can't write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Every name tried is taken.
    #[error("{name} and its numbered variants all exist already; clear the download folder")]
    NoName {
        /// The file's name.
        name: FileName,
    },
}

/// A file on its way in. Dropped before [`PartFile::publish`], it is removed.
#[derive(Debug)]
pub struct PartFile {
    folder: OwnedFd,
    folder_path: PathBuf,
    name: FileName,
    part_name: String,
    file: File,
    /// Whether nothing stands under the `.part` name any more.
    published: bool,
}

impl PartFile {
    /// Checks the limits and creates the `.part` file in `folder`.
    ///
    /// # Errors
    /// [`PartFileError`]; its message can be told to the sender.
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
        let folder_error = |source: Errno| PartFileError::Folder {
            path: folder.to_owned(),
            source: source.into(),
        };
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

    /// Where the file will stand, unless the name is taken meanwhile.
    pub fn intended_path(&self) -> PathBuf {
        self.folder_path.join(self.name.as_str())
    }

    /// A handle to write its bytes to.
    ///
    /// # Errors
    /// Those of the system, such as too many open files.
    pub(super) fn writer(&self) -> Result<File, PartFileError> {
        self.file
            .try_clone()
            .map_err(|source| self.write_error(source))
    }

    /// Puts what was written on the disk and gives the file its name, or `name (1).ext` and so on where that exists.
    /// The data is synced first, or a crash could leave half a file under the final name.
    ///
    /// # Errors
    /// [`PartFileError`]; the `.part` file is then removed.
    pub(super) fn publish(mut self) -> Result<PathBuf, PartFileError> {
        self.file
            .sync_data()
            .map_err(|source| self.write_error(source))?;
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
        Err(PartFileError::NoName {
            name: self.name.clone(),
        })
    }

    pub(super) fn write_error(&self, source: io::Error) -> PartFileError {
        PartFileError::Write {
            path: self.folder_path.join(&self.part_name),
            source,
        }
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
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
    let mut attempt = 1;
    loop {
        let mut random = [0; 8];
        let random = getrandom::fill(&mut random)
            .map(|()| u64::from_be_bytes(random))
            .map_err(io::Error::other);
        let created = random.and_then(|random| {
            let part_name = format!("{name}.{random:016x}.part");
            let file = rustix::fs::openat(folder, &part_name, flags, mode)?;
            Ok((part_name, File::from(file)))
        });
        match created {
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists && attempt < MAX_PART_NAMES =>
            {
                attempt += 1
            }
            created => {
                return created.map_err(|source| PartFileError::Write {
                    path: folder_path.join(format!("{name}.part")),
                    source,
                });
            }
        }
    }
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

/// Fails with `EEXIST` where `to` exists, whatever it is. True where `from` remains beside it.
fn rename_without_replacing(folder: &OwnedFd, from: &str, to: &str) -> Result<bool, Errno> {
    match rustix::fs::renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        // Some file systems don't know the flag; a hard link does not replace anything either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            rustix::fs::linkat(folder, from, folder, to, AtFlags::empty()).map(|()| true)
        }
        renamed => renamed.map(|()| false),
    }
}
