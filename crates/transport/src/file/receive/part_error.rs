//! Why a file can't be written to the download folder.

use std::io;
use std::path::PathBuf;

use backroom_protocol::FileName;

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
        "the file needs {bytes} bytes; the download folder has {free_bytes} bytes of free space, of which running transfers \
         need {reserved_bytes} and {keep_free_bytes} must stay free"
    )]
    NoSpace {
        /// The file's size.
        bytes: u64,
        /// The free space.
        free_bytes: u64,
        /// What other files will still take of it.
        reserved_bytes: u64,
        /// What must stay free of it.
        keep_free_bytes: u64,
    },
    /// The download folder can't be used.
    #[error("can't use the download folder {path}: {1}", path = .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// The `.part` file can't be created, written or renamed.
    #[error("can't write {path}: {1}", path = .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// The `.part` file was removed or has another size, or another file or a link has its name.
    #[error("{} was removed, replaced or changed by another program while it was received", .0.display())]
    Replaced(PathBuf),
    /// Every name tried is taken.
    #[error("{0} and all its numbered variants exist already; clean up the download folder")]
    NoName(FileName),
}
