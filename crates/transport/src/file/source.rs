//! The file to send.

use std::fs::{self, File};
use std::io::{self, IoSliceMut};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backroom_protocol::{FileAttributes, ModifiedTime, Permissions};
use rustix::fs::{CWD, Mode, OFlags};

use super::version::{self, FileVersion};

/// Why a file can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It can't be opened.
    #[error("can't read {path}: {1}", path = .0.display())]
    Open(PathBuf, #[source] io::Error),
    /// It is a folder.
    #[error("{} is a folder, not a regular file; pack it into an archive first", .0.display())]
    Folder(PathBuf),
    /// It is a pipe, a device or the like.
    #[error("{} is not a regular file; copy its contents to a file and send that", .0.display())]
    NotAFile(PathBuf),
    /// It claims another size than it has, as most files in `/proc` and `/sys` do.
    #[error("{} does not report its size; copy its contents to a file and send that", .0.display())]
    NoSize(PathBuf),
    /// It can't be read to its end.
    #[error("can't read the file: {0}")]
    Read(#[source] io::Error),
    /// It is not the file that was opened any more, or other programs keep writing to it.
    #[error("the file changed while it was sent; send it again when no program writes to it")]
    Changed,
}

/// An open regular file, in the version that it had when it was opened. Clones share the handle, so several streams can read it at
/// once.
#[derive(Debug, Clone)]
pub struct SourceFile(Arc<OpenFile>);

#[derive(Debug)]
struct OpenFile {
    file: File,
    path: PathBuf,
    bytes: u64,
    attributes: FileAttributes,
    /// `None` if it kept changing when it was opened.
    version: Option<FileVersion>,
}

impl SourceFile {
    /// Opens a file for sending. Waits until it is on its disk, so that later changes can be detected.
    ///
    /// # Errors
    /// [`SourceError::Open`], and that it is not a regular file with a size.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let open_error = |error| SourceError::Open(path.to_owned(), error);
        // Without NONBLOCK, opening a named pipe would block until another program writes to it.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(CWD, path, flags, Mode::empty())
            .map_err(|error| open_error(error.into()))?;
        let file = File::from(file);
        let file_type = file.metadata().map_err(open_error)?.file_type();
        if file_type.is_dir() {
            return Err(SourceError::Folder(path.to_owned()));
        }
        if !file_type.is_file() {
            return Err(SourceError::NotAFile(path.to_owned()));
        }
        let (metadata, version) = version::settle(&file).map_err(open_error)?;
        let source = Self(Arc::new(OpenFile {
            file,
            path: path.to_owned(),
            bytes: metadata.len(),
            attributes: FileAttributes {
                permissions: Permissions::of_mode(metadata.mode()),
                modified: ModifiedTime::nearest(
                    metadata.mtime(),
                    metadata.mtime_nsec().try_into().unwrap_or_default(),
                ),
            },
            version,
        }));
        // A file that was changed meanwhile may have another size by now.
        if source.has_its_size().map_err(open_error)? || source.check_unchanged().is_err() {
            Ok(source)
        } else {
            Err(SourceError::NoSize(path.to_owned()))
        }
    }

    /// Its size when it was opened, in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// Its permissions and modification time when it was opened.
    pub fn attributes(&self) -> FileAttributes {
        self.0.attributes
    }

    /// The path that it was opened with.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Fails unless everything that was read until now was what the file contained when it was opened. A program that only
    /// renames the file, links it or sets its permissions also counts: the system does not tell these from a change.
    pub(super) fn check_unchanged(&self) -> Result<(), SourceError> {
        let metadata = self.0.file.metadata().map_err(SourceError::Read)?;
        if self.0.version == Some(FileVersion::of(&metadata)) {
            Ok(())
        } else {
            Err(SourceError::Changed)
        }
    }

    /// As [`SourceFile::check_unchanged`], and its path must not lead to another file now.
    pub(super) fn check_not_replaced(&self) -> Result<(), SourceError> {
        self.check_unchanged()?;
        let named = fs::metadata(&self.0.path);
        let named = named.map(|metadata| FileVersion::of(&metadata));
        match (named, self.0.version) {
            (Ok(named), Some(opened)) if !named.is_of_same_file(&opened) => {
                Err(SourceError::Changed)
            }
            _ => Ok(()),
        }
    }

    /// Whether it ends where it says. Files that the kernel makes up when they are read say that they are empty or have 4096
    /// bytes.
    fn has_its_size(&self) -> io::Result<bool> {
        let mut byte = [0];
        let mut has_byte_at = |offset| match self.0.file.read_at(&mut byte, offset) {
            Ok(bytes) => Ok(Some(bytes > 0)),
            // Nothing to read yet: it is rather a pipe.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        };
        let has_last_byte = match self.0.bytes.checked_sub(1) {
            Some(last) => has_byte_at(last)?,
            None => Some(true),
        };
        Ok(has_last_byte == Some(true) && has_byte_at(self.0.bytes)? == Some(false))
    }

    /// Fills `buffer` from `offset` on.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), SourceError> {
        self.0
            .file
            .read_exact_at(buffer, offset)
            .map_err(read_error)
    }

    /// Fills one buffer after the other from `offset` on.
    pub(super) fn read_scattered(
        &self,
        mut buffers: &mut [IoSliceMut<'_>],
        mut offset: u64,
    ) -> Result<(), SourceError> {
        // A read into buffers without space returns 0, like the end of the file.
        IoSliceMut::advance_slices(&mut buffers, 0);
        while !buffers.is_empty() {
            match rustix::io::preadv(&self.0.file, buffers, offset) {
                Ok(0) => return Err(read_error(io::ErrorKind::UnexpectedEof.into())),
                Ok(bytes) => {
                    IoSliceMut::advance_slices(&mut buffers, bytes);
                    offset += bytes as u64;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(read_error(error.into())),
            }
        }
        Ok(())
    }
}

fn read_error(error: io::Error) -> SourceError {
    match error.kind() {
        // It was truncated.
        io::ErrorKind::UnexpectedEof => SourceError::Changed,
        _ => SourceError::Read(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_into_pieces_is_the_file_from_there_on_and_no_more_than_it_has() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "0123456789").unwrap();
        let source = SourceFile::open(file.path()).unwrap();
        let (mut first, mut second) = ([0; 3], [0; 4]);
        let mut pieces = [&mut first[..], &mut [], &mut second].map(IoSliceMut::new);
        source.read_scattered(&mut pieces, 2).unwrap();
        assert_eq!((&first, &second), (b"234", b"5678"));
        let mut pieces = [&mut first[..], &mut second].map(IoSliceMut::new);
        let beyond = source.read_scattered(&mut pieces, 4);
        assert!(matches!(beyond, Err(SourceError::Changed)));
    }
}
