//! The file to send.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags};

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It can't be opened, or not be read to its end.
    #[error("can't read {path}: {1}", path = .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// It is a folder, a device or the like.
    #[error("{} is not a regular file; pack it into an archive first", .0.display())]
    NotAFile(PathBuf),
    /// It became shorter after it was opened.
    #[error("{} was truncated while it was being sent; send it again when no program writes to it", .0.display())]
    Shrank(PathBuf),
}

/// An open regular file, with the size it had when it was opened. What is appended later is not sent. Clones share the handle, so
/// several streams can read it at once.
#[derive(Debug, Clone)]
pub struct SourceFile {
    file: Arc<File>,
    path: Arc<Path>,
    bytes: u64,
}

impl SourceFile {
    /// Opens a file for sending.
    ///
    /// # Errors
    /// [`SourceError::Read`] and [`SourceError::NotAFile`]
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let open_error = |error| SourceError::Read(path.to_owned(), error);
        // Without NONBLOCK, opening a named pipe would block until another program writes to it.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(CWD, path, flags, Mode::empty())
            .map_err(|error| open_error(error.into()))?;
        let file = File::from(file);
        let metadata = file.metadata().map_err(open_error)?;
        if !metadata.is_file() {
            return Err(SourceError::NotAFile(path.to_owned()));
        }
        Ok(Self {
            file: Arc::new(file),
            path: path.into(),
            bytes: metadata.len(),
        })
    }

    /// Its size when it was opened, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The path that it was opened with.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fills `buffer` from `offset` on.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), SourceError> {
        self.file
            .read_exact_at(buffer, offset)
            .map_err(|error| self.read_error(error))
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
            match rustix::io::preadv(&*self.file, buffers, offset) {
                Ok(0) => return Err(self.read_error(io::ErrorKind::UnexpectedEof.into())),
                Ok(bytes) => {
                    IoSliceMut::advance_slices(&mut buffers, bytes);
                    offset += bytes as u64;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(self.read_error(error.into())),
            }
        }
        Ok(())
    }

    fn read_error(&self, error: io::Error) -> SourceError {
        let path = self.path.to_path_buf();
        match error.kind() {
            io::ErrorKind::UnexpectedEof => SourceError::Shrank(path),
            _ => SourceError::Read(path, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_into_pieces_is_the_file_from_there_on_and_no_more_than_it_has() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0123456789").unwrap();
        let source = SourceFile::open(file.path()).unwrap();
        let (mut first, mut second) = ([0; 3], [0; 4]);
        let mut pieces = [&mut first[..], &mut [], &mut second].map(IoSliceMut::new);
        source.read_scattered(&mut pieces, 2).unwrap();
        assert_eq!((&first, &second), (b"234", b"5678"));
        let mut pieces = [&mut first[..], &mut second].map(IoSliceMut::new);
        let beyond = source.read_scattered(&mut pieces, 4);
        assert!(matches!(beyond, Err(SourceError::Shrank(_))));
    }
}
