//! The folder that files are received in, and the space on its disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::StatVfs;

use super::part_error::PartFileError;

/// A block in the number of blocks that a file uses, whatever the file system's block size is.
const BLOCK_BYTES: u64 = 512;

/// Limits for a received file.
#[derive(Debug, Clone, Copy)]
pub struct ReceiveLimits {
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// Space that must stay free on the download folder's disk, in bytes.
    pub keep_free_bytes: u64,
}

impl ReceiveLimits {
    /// Space that stays free by default: 64 MiB.
    pub const KEEP_FREE_BYTES: u64 = 64 << 20;
}

impl Default for ReceiveLimits {
    /// Any size, and [`ReceiveLimits::KEEP_FREE_BYTES`].
    fn default() -> Self {
        Self {
            max_bytes: u64::MAX,
            keep_free_bytes: Self::KEEP_FREE_BYTES,
        }
    }
}

/// A folder for received files. Clones share the account of the space that running transfers will still use.
#[derive(Debug, Clone)]
pub struct DownloadFolder {
    path: PathBuf,
    limits: ReceiveLimits,
    reservations: Reservations,
}

impl DownloadFolder {
    /// A folder that exists. Its disk is looked at when a file is offered.
    pub fn new(path: impl Into<PathBuf>, limits: ReceiveLimits) -> Self {
        Self {
            path: path.into(),
            limits,
            reservations: Reservations::default(),
        }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn check_size(&self, bytes: u64) -> Result<(), PartFileError> {
        let max_bytes = self.limits.max_bytes;
        if bytes > max_bytes {
            return Err(PartFileError::TooLarge { bytes, max_bytes });
        }
        Ok(())
    }

    /// Creates a file with `create`, and reserves `bytes` for it on the disk of `folder`, if it has that much space.
    pub(super) fn reserve(
        &self,
        folder: &File,
        bytes: u64,
        create: impl FnOnce() -> Result<(String, File), PartFileError>,
    ) -> Result<(String, Reservation), PartFileError> {
        let folder_error = |error| PartFileError::Folder(self.path.clone(), error);
        let device = folder.metadata().map_err(folder_error)?.dev();
        // Two files must not be given the same space, so nobody else looks until this one is listed.
        let mut reserved = self.reservations.lock();
        let disk = rustix::fs::fstatvfs(folder).map_err(|error| folder_error(error.into()))?;
        if let Some(free_bytes) = free_bytes(&disk) {
            let others = reserved.iter().filter(|other| other.device == device);
            let reserved_bytes = others.map(Reserved::unwritten_bytes).sum();
            let keep_free_bytes = self.limits.keep_free_bytes;
            let needed_bytes = bytes.saturating_add(keep_free_bytes);
            if needed_bytes > free_bytes.saturating_sub(reserved_bytes) {
                return Err(PartFileError::NoSpace {
                    bytes,
                    free_bytes,
                    reserved_bytes,
                    keep_free_bytes,
                });
            }
        }
        let (name, file) = create()?;
        let file = Arc::new(file);
        reserved.push(Reserved {
            device,
            bytes,
            file: Arc::clone(&file),
        });
        drop(reserved);
        let reservation = Reservation {
            file,
            all: self.reservations.clone(),
        };
        Ok((name, reservation))
    }
}

/// The space for a file, until this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) file: Arc<File>,
    all: Reservations,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let is_other = |other: &Reserved| !Arc::ptr_eq(&other.file, &self.file);
        self.all.lock().retain(is_other);
    }
}

#[derive(Debug, Clone, Default)]
struct Reservations(Arc<Mutex<Vec<Reserved>>>);

impl Reservations {
    fn lock(&self) -> MutexGuard<'_, Vec<Reserved>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that is being received.
#[derive(Debug)]
struct Reserved {
    /// Its file system.
    device: u64,
    /// Its size once it is complete.
    bytes: u64,
    file: Arc<File>,
}

impl Reserved {
    /// The space that it will still take. What is written counts as used already.
    fn unwritten_bytes(&self) -> u64 {
        let used = |metadata: std::fs::Metadata| metadata.blocks().saturating_mul(BLOCK_BYTES);
        let used_bytes = self.file.metadata().map_or(0, used);
        self.bytes.saturating_sub(used_bytes)
    }
}

/// The free space, or `None` if the file system does not report its size, as `ramfs` and some network file systems.
fn free_bytes(disk: &StatVfs) -> Option<u64> {
    (disk.f_blocks > 0).then(|| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Writes the names in a folder to the disk.
pub(super) fn sync_folder(folder: &File) -> io::Result<()> {
    match folder.sync_all() {
        // The file system keeps no names in memory, or can't be asked to write them.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_a_size_is_not_full() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = rustix::fs::statvfs(folder.path()).unwrap();
        (disk.f_blocks, disk.f_bavail, disk.f_frsize) = (100, 3, 4_096);
        assert_eq!(free_bytes(&disk), Some(3 * 4_096));
        (disk.f_blocks, disk.f_bavail) = (100, 0);
        assert_eq!(free_bytes(&disk), Some(0));
        (disk.f_blocks, disk.f_bavail) = (0, 0);
        assert_eq!(free_bytes(&disk), None);
    }
}
