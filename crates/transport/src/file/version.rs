//! Detects changes of a file.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, SystemTime};

/// Two changes within this time may get the same timestamp: the kernel's clock for files ticks every 10 ms at most.
const TICK: Duration = Duration::from_millis(20);

/// The same for file systems that store whole seconds only (FAT: every other second).
const COARSE_TICK: Duration = Duration::from_secs(2);

/// How many times a file that keeps changing is looked at again.
const MAX_TRIES: u32 = 5;

/// What differs after any change of a file. Programs can set its modification time, but not the time of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileVersion {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileVersion {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether both are versions of one file.
    pub(super) fn is_of_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// How long to wait from `now` on until every further change gets a later timestamp.
    fn settling_time(&self, now: SystemTime) -> Duration {
        let (seconds, nanoseconds) = self.changed;
        let tick = if nanoseconds == 0 { COARSE_TICK } else { TICK };
        let (Ok(seconds), Ok(nanoseconds)) = (seconds.try_into(), nanoseconds.try_into()) else {
            return Duration::ZERO;
        };
        let changed = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        match now.duration_since(changed) {
            Ok(age) => tick.saturating_sub(age),
            // The clock of this machine or of its file server was set.
            Err(_) => tick,
        }
    }
}

/// The metadata of `file`, and its version if that is settled: whatever changes the file from now on changes its version. It is
/// not settled if other programs keep changing the file.
///
/// May take as long as the disk needs for what was written to the file last.
pub(super) fn settle(file: &File) -> io::Result<(Metadata, Option<FileVersion>)> {
    let mut metadata = file.metadata()?;
    for _ in 0..MAX_TRIES {
        let version = FileVersion::of(&metadata);
        thread::sleep(version.settling_time(SystemTime::now()));
        // A program that has mapped the file can write to a page that is not on the disk yet without any trace. Once it is on
        // the disk, the next write to it counts as a change. This does not matter where nothing can be written.
        if let Err(error) = file.sync_data() {
            tracing::debug!(%error, "a file to send can't be flushed");
        }
        metadata = file.metadata()?;
        if FileVersion::of(&metadata) == version {
            return Ok((metadata, Some(version)));
        }
    }
    Ok((metadata, None))
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::io::Write;

    use super::*;

    fn changed_at(seconds: i64, nanoseconds: i64) -> FileVersion {
        FileVersion {
            device: 1,
            inode: 2,
            bytes: 3,
            modified: (0, 0),
            changed: (seconds, nanoseconds),
        }
    }

    #[test]
    fn a_version_settles_once_the_clock_of_its_file_system_has_moved_on() {
        let now = SystemTime::UNIX_EPOCH + Duration::new(1_000, 30_000_000);
        for (version, wait) in [
            (changed_at(1_000, 25_000_000), Duration::from_millis(15)),
            (changed_at(1_000, 30_000_000), TICK),
            (changed_at(1_000, 10_000_000), Duration::ZERO),
            (changed_at(900, 1), Duration::ZERO),
            (changed_at(999, 0), Duration::from_millis(970)),
            (changed_at(997, 0), Duration::ZERO),
            (changed_at(5_000, 1), TICK),
            (changed_at(-5, 1), Duration::ZERO),
        ] {
            assert_eq!(version.settling_time(now), wait, "{version:?}");
        }
    }

    #[test]
    fn a_change_of_the_same_size_with_its_time_put_back_is_another_version() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one").unwrap();
        let (before, version) = settle(&file).unwrap();
        let version = version.unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"two", 0).unwrap();
        let times = FileTimes::new().set_modified(before.modified().unwrap());
        file.set_times(times).unwrap();
        let after = file.metadata().unwrap();
        assert_eq!(
            (after.len(), after.modified().unwrap()),
            (before.len(), before.modified().unwrap())
        );
        assert_ne!(FileVersion::of(&after), version);
    }
}
