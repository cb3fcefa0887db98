//! Identities that were seen before: which key a server or a member had.
//!
//! The file has one line for each: the key in hexadecimal digits, a space, and the owner. Lines are only appended, and the last
//! line of an owner counts, so processes that write at the same time lose nothing.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use backroom_protocol::IdentityKey;
use data_encoding::HEXLOWER_PERMISSIVE as HEX;

use crate::folder;

/// The largest file. Members could otherwise fill the disk of others by joining under ever new names.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// The keys of one file.
#[derive(Debug)]
pub struct KnownKeys {
    /// `None` if nothing is written.
    path: Option<PathBuf>,
    keys: HashMap<String, IdentityKey>,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KnownKeysError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}; make the file readable, or remove it to forget what it holds", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A line is not a key and its owner.
    #[error("line {line} of {} is damaged; remove the line", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file has reached its largest size.
    #[error("{} is full; remove the lines that you do not need any more", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
}

impl KnownKeys {
    /// Reads a file. A file that does not exist is empty.
    ///
    /// # Errors
    /// [`KnownKeysError`] if it cannot be read or is damaged: a missing line would make a changed key look new.
    pub fn open(path: &Path) -> Result<Self, KnownKeysError> {
        let text = match File::open(path) {
            Ok(file) => read(file, path)?,
            Err(error) if folder::is_absent(path, &error) => String::new(),
            Err(source) => return Err(unreadable(path, source)),
        };
        let mut keys = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let (owner, key) = parse(line).ok_or_else(|| KnownKeysError::Malformed {
                path: path.to_owned(),
                line: index + 1,
            })?;
            keys.insert(owner.to_owned(), key);
        }
        let path = Some(path.to_owned());
        Ok(Self { path, keys })
    }

    /// Remembers keys only in memory.
    pub fn in_memory() -> Self {
        Self {
            path: None,
            keys: HashMap::new(),
        }
    }

    /// The same keys, without writing others to the file.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { path: None, ..self }
    }

    /// The key that this owner had.
    pub fn get(&self, owner: &str) -> Option<IdentityKey> {
        self.keys.get(owner).copied()
    }

    /// Remembers the key of an owner, in memory only. [`append`] writes it.
    pub fn insert(&mut self, owner: String, key: IdentityKey) {
        self.keys.insert(owner, key);
    }

    /// Remembers the key of an owner and writes it to the file.
    ///
    /// # Errors
    /// [`KnownKeysError`]; the key is remembered in memory nevertheless.
    pub fn remember(&mut self, owner: String, key: IdentityKey) -> Result<(), KnownKeysError> {
        let line = line(&owner, key);
        self.insert(owner, key);
        match &self.path {
            Some(path) => append(path, &line),
            None => Ok(()),
        }
    }
}

/// A key in hexadecimal digits.
pub fn digits(key: IdentityKey) -> String {
    HEX.encode(key.as_bytes())
}

/// The line of an owner.
pub fn line(owner: &str, key: IdentityKey) -> String {
    format!("{} {}\n", digits(key), owner.replace(['\n', '\r'], " "))
}

/// Appends lines to a file, completely or not at all.
///
/// # Errors
/// [`KnownKeysError`]
pub fn append(path: &Path, lines: &str) -> Result<(), KnownKeysError> {
    let unwritable = |source| KnownKeysError::Unwritable {
        path: path.to_owned(),
        source,
    };
    let append = || {
        if let Some(parent) = path.parent() {
            folder::create(parent)?;
        }
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        // Some network file systems have no locks. A line is a single write, which rarely needs one.
        let _ = file.lock();
        let bytes = file.metadata()?.len();
        if bytes + lines.len() as u64 > MAX_FILE_BYTES {
            return Ok(false);
        }
        if let Err(error) = file.write_all(lines.as_bytes()) {
            // A part of a line would make the file unreadable.
            file.set_len(bytes)?;
            return Err(error);
        }
        Ok(true)
    };
    match append() {
        Ok(true) => Ok(()),
        Ok(false) => Err(KnownKeysError::Full {
            path: path.to_owned(),
        }),
        Err(source) => Err(unwritable(source)),
    }
}

fn read(file: File, path: &Path) -> Result<String, KnownKeysError> {
    let mut text = String::new();
    // A line that another process is appending is complete once the lock is free. See `append` for file systems without locks.
    let _ = file.lock_shared();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|source| unreadable(path, source))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(unreadable(path, io::ErrorKind::FileTooLarge.into()));
    }
    Ok(text)
}

fn unreadable(path: &Path, source: io::Error) -> KnownKeysError {
    KnownKeysError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

fn parse(line: &str) -> Option<(&str, IdentityKey)> {
    let (digits, owner) = line.split_once(' ')?;
    let key: [u8; 32] = HEX.decode(digits.as_bytes()).ok()?.try_into().ok()?;
    Some((owner, IdentityKey::try_from(key).ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use backroom_protocol::Identity;

    use super::*;

    fn key(seed: u8) -> IdentityKey {
        Identity::from_seed(&[seed; 32]).key()
    }

    #[test]
    fn keys_are_remembered_and_the_last_one_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new folder/known");
        let mut known = KnownKeys::open(&path).unwrap();
        assert_eq!(known.get("ada"), None);
        known.remember("ada".into(), key(1)).unwrap();
        known.remember("zoë w".into(), key(2)).unwrap();
        known.remember("ada".into(), key(3)).unwrap();
        for known in [&known, &KnownKeys::open(&path).unwrap()] {
            assert_eq!(known.get("ada"), Some(key(3)));
            assert_eq!(known.get("zoë w"), Some(key(2)));
            assert_eq!(known.get("bob"), None);
        }
    }

    #[test]
    fn processes_that_write_at_the_same_time_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known");
        std::thread::scope(|scope| {
            for seed in 1..9 {
                let path = &path;
                scope.spawn(move || {
                    let mut known = KnownKeys::open(path).unwrap();
                    known.remember(format!("member {seed}"), key(seed)).unwrap();
                });
            }
        });
        let known = KnownKeys::open(&path).unwrap();
        for seed in 1..9 {
            assert_eq!(known.get(&format!("member {seed}")), Some(key(seed)));
        }
    }

    #[test]
    fn a_damaged_line_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known");
        let good = line("ada", key(1));
        for wrong in [
            "\n",
            "zz ada\n",
            &good[..60],
            &good[..64],
            &format!("00{good}"),
        ] {
            fs::write(&path, format!("{good}{wrong}")).unwrap();
            let error = KnownKeys::open(&path).unwrap_err();
            assert!(error.to_string().contains("line 2 of"), "{error}");
        }
    }

    #[test]
    fn the_file_has_a_largest_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known");
        let line = line(&"x".repeat(1_000), key(1));
        let lines = line.repeat(MAX_FILE_BYTES as usize / line.len());
        append(&path, &lines).unwrap();
        let error = append(&path, &line).unwrap_err();
        assert!(matches!(error, KnownKeysError::Full { .. }), "{error}");
        assert!(KnownKeys::open(&path).is_ok());
    }
}
