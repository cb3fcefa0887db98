//! The file of an identity.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use backroom_protocol::{Identity, RandomError};
use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::folder::{self, folder};

/// What comes before the private key in a file.
const PREFIX: &str = "backroom-identity-v1 ";

/// Longer than the file of an identity.
const MAX_FILE_BYTES: u64 = 256;

/// Where a program keeps its identity.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// In this file of the state folder.
    StateFolder(&'a str),
    /// In this file.
    File(&'a Path),
    /// Nowhere.
    None,
}

/// The identity of a program.
#[derive(Debug)]
pub struct Found {
    /// The identity, or `None` if the source is [`Source::None`] or the state folder cannot be used.
    pub identity: Option<Identity>,
    /// The reason why the state folder cannot be used.
    pub unusable: Option<String>,
}

/// An identity cannot be loaded or created.
#[derive(Debug, thiserror::Error)]
pub enum IdentityFileError {
    /// The file exists and cannot be read.
    #[error(
        "cannot read the identity {}: {source}; make the file readable, choose another file with --identity, or use \
         --ephemeral",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Other users may read or write the private key.
    #[error("other users can read the identity {0}; run: chmod 600 '{0}'", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error(
        "{} is not the file of an identity; restore it from a copy, or move it away to get a new identity",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The file does not exist and cannot be created.
    #[error(
        "cannot create the identity {}: {source}; choose another file with --identity, or use --ephemeral",
        path.display()
    )]
    Uncreatable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Loads the identity of a program, or creates it at the first use. A state folder that cannot be used is no error.
///
/// # Errors
/// [`IdentityFileError`]. A file that exists is never replaced.
pub fn find_identity(source: Source<'_>) -> Result<Found, IdentityFileError> {
    let none = |unusable| {
        Ok(Found {
            identity: None,
            unusable,
        })
    };
    let loaded = match source {
        Source::None => return none(None),
        Source::File(path) => load_or_create(path),
        Source::StateFolder(name) => match folder() {
            Some(folder) => load_or_create_in_folder(&folder.join(name)),
            None => return none(Some("there is no home directory".to_owned())),
        },
    };
    match (loaded, source) {
        (Ok(identity), _) => Ok(Found {
            identity: Some(identity),
            unusable: None,
        }),
        (Err(IdentityFileError::Uncreatable { path, source }), Source::StateFolder(_)) => {
            none(Some(format!("cannot create {}: {source}", path.display())))
        }
        (Err(error), _) => Err(error),
    }
}

fn load_or_create_in_folder(path: &Path) -> Result<Identity, IdentityFileError> {
    if let Some(parent) = path.parent()
        && let Err(source) = folder::create(parent)
        // An existing file may be readable in a folder that is not writable.
        && !path.exists()
    {
        return Err(IdentityFileError::Uncreatable {
            path: path.to_owned(),
            source,
        });
    }
    load_or_create(path)
}

fn load_or_create(path: &Path) -> Result<Identity, IdentityFileError> {
    if let Some(identity) = load(path)? {
        return Ok(identity);
    }
    let identity = Identity::generate()?;
    match save(&identity, path) {
        Ok(()) => Ok(identity),
        Err(source) => match load(path)? {
            // Another process was faster.
            Some(identity) => Ok(identity),
            None => Err(IdentityFileError::Uncreatable {
                path: path.to_owned(),
                source,
            }),
        },
    }
}

/// Returns `None` if the file does not exist.
fn load(path: &Path) -> Result<Option<Identity>, IdentityFileError> {
    let unreadable = |source| IdentityFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if folder::is_absent(path, &error) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(IdentityFileError::Exposed { path });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES as usize));
    file.take(MAX_FILE_BYTES)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    let path = path.to_owned();
    match parse(&text) {
        Some(identity) => Ok(Some(identity)),
        None => Err(IdentityFileError::Malformed { path }),
    }
}

fn parse(text: &[u8]) -> Option<Identity> {
    let digits = text.trim_ascii_end().strip_prefix(PREFIX.as_bytes())?;
    let seed = Zeroizing::new(HEX.decode(digits).ok()?);
    let seed = Zeroizing::new(<[u8; 32]>::try_from(seed.as_slice()).ok()?);
    Some(Identity::from_seed(&seed))
}

/// Writes a new file that only this user can read. It appears complete or not at all, and never replaces another.
fn save(identity: &Identity, path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // A temporary file has mode 0600.
    let mut file = NamedTempFile::new_in(parent)?;
    let digits = Zeroizing::new(HEX.encode(&*identity.seed()));
    for part in [PREFIX, &digits, "\n"] {
        file.write_all(part.as_bytes())?;
    }
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    // The file is there also if its entry in the folder is not on the disk yet.
    let _ = File::open(parent).and_then(|folder| folder.sync_all());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn key(path: &Path) -> backroom_protocol::IdentityKey {
        let found = find_identity(Source::File(path)).unwrap();
        found.identity.unwrap().key()
    }

    #[test]
    fn an_identity_is_created_once_and_then_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        let first = key(&path);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(key(&path), first);
        assert_ne!(key(&folder.path().join("other")), first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn concurrent_programs_get_the_same_identity() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        let keys = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| key(&path))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect::<Vec<_>>()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn the_folder_of_identities_is_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/backroom/identities/ada");
        load_or_create_in_folder(&path).unwrap();
        let parent = path.parent().unwrap();
        assert_eq!(fs::metadata(parent).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_file_that_is_readable_by_others_or_damaged_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        key(&path);
        let text = fs::read(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = find_identity(Source::File(&path)).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for wrong in [
            &text[..40],
            b"",
            &[&text[..text.len() - 1], b"0\n"].concat(),
        ] {
            fs::write(&path, wrong).unwrap();
            let error = find_identity(Source::File(&path)).unwrap_err();
            assert!(
                matches!(error, IdentityFileError::Malformed { .. }),
                "{error}"
            );
            assert_eq!(fs::read(&path).unwrap(), wrong);
        }
    }

    #[test]
    fn a_missing_folder_of_a_given_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/identity");
        let error = find_identity(Source::File(&path)).unwrap_err();
        assert!(error.to_string().contains("--ephemeral"), "{error}");
    }
}
