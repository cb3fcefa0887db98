//! Tests of the `.part` file: names, links, permissions, times and space.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::super::folder::ReceiveLimits;
use super::*;

const ATTRIBUTES: (u32, i64) = (0o644, 1_000_000_000);

fn attributes(mode: u32, seconds: i64) -> FileAttributes {
    FileAttributes {
        permissions: Permissions::of_mode(mode),
        modified: ModifiedTime::nearest(seconds, 123_456_789),
    }
}

/// Starts to receive a file.
fn part(folder: &Path, name: &str, bytes: u64) -> PartFile {
    let folder = DownloadFolder::new(folder, ReceiveLimits::default());
    let name = FileName::new(name).unwrap();
    PartFile::create(
        &folder,
        &name,
        bytes,
        attributes(ATTRIBUTES.0, ATTRIBUTES.1),
    )
    .unwrap()
}

fn received(folder: &Path, name: &str, contents: &[u8]) -> PathBuf {
    let part = part(folder, name, contents.len() as u64);
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
    let handle = File::open(folder.path()).unwrap();
    for name in ["link.part", "dangling.part", "victim"] {
        let error = open_part(&handle, name, Permissions::of_mode(0o644)).unwrap_err();
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
    let part = part(&before, "file", 0);
    fs::rename(&before, &after).unwrap();
    symlink("/", &before).unwrap();
    part.publish().unwrap();
    assert!(after.join("file").exists());
}

#[test]
fn what_is_not_published_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let part = part(folder.path(), "file", 0);
    assert_eq!(part.intended_path(), folder.path().join("file"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    drop(part);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn permissions_are_the_senders_within_the_umask_from_the_beginning_on() {
    let folder = tempfile::tempdir().unwrap();
    // What the umask of the tests leaves of all permissions.
    let allowed = {
        let all = folder.path().join("all");
        let mode = Mode::from_raw_mode(0o777);
        let flags = OFlags::WRONLY | OFlags::CREATE;
        rustix::fs::openat(CWD, &all, flags, mode).unwrap();
        fs::metadata(all).unwrap().mode() & 0o777
    };
    let downloads = DownloadFolder::new(folder.path(), ReceiveLimits::default());
    for mode in [
        0o600, 0o644, 0o666, 0o700, 0o755, 0o777, 0o400, 0o444, 0o000,
    ] {
        let name = FileName::new(&format!("{mode:o}")).unwrap();
        let part = PartFile::create(&downloads, &name, 1, attributes(mode, 0)).unwrap();
        let part_path = folder.path().join(&part.part_name);
        let of_part = fs::metadata(part_path).unwrap().permissions().mode() & 0o7777;
        part.writer().unwrap().write_all(b"x").unwrap();
        part.sync().unwrap();
        let path = part.publish().unwrap();
        let of_file = fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let expected = mode & allowed;
        assert_eq!((of_part, of_file), (expected, expected), "{mode:o}");
    }
}

#[test]
fn the_modification_time_is_the_senders() {
    let folder = tempfile::tempdir().unwrap();
    let downloads = DownloadFolder::new(folder.path(), ReceiveLimits::default());
    let name = FileName::new("file").unwrap();
    for seconds in [0, -86_400, 1_000_000_000] {
        let part = PartFile::create(&downloads, &name, 1, attributes(0o644, seconds)).unwrap();
        part.writer().unwrap().write_all(b"x").unwrap();
        part.sync().unwrap();
        let metadata = fs::metadata(part.publish().unwrap()).unwrap();
        assert_eq!(
            (metadata.mtime(), metadata.mtime_nsec()),
            (seconds, 123_456_789)
        );
    }
}

#[test]
fn a_part_file_that_was_replaced_or_removed_gets_no_name_and_what_replaced_it_stays() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    for replacement in ["link", "file", "nothing"] {
        fs::write(&victim, "untouched").unwrap();
        let part = part(folder.path(), "file", 1);
        let part_path = folder.path().join(&part.part_name);
        part.writer().unwrap().write_all(b"x").unwrap();
        fs::remove_file(&part_path).unwrap();
        match replacement {
            "link" => symlink(&victim, &part_path).unwrap(),
            "file" => fs::write(&part_path, "another").unwrap(),
            _ => {}
        }
        let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
        let error = part.publish().unwrap_err();
        assert!(matches!(error, PartFileError::Replaced(_)), "{error}");
        assert!(!is_there(&folder.path().join("file")), "{replacement}");
        assert_eq!(is_there(&part_path), replacement != "nothing");
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");
    }
}

#[test]
fn a_file_counts_as_received_only_once_the_folder_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut part = part(folder.path(), "file", 0);
    part.sync_folder = |folder| {
        rustix::fs::statat(folder, "file", AtFlags::empty())
            .expect("the file has its name before the folder is flushed");
        Err(Errno::IO.into())
    };
    let error = part.publish().unwrap_err();
    assert!(matches!(error, PartFileError::Write(..)), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn files_that_fit_alone_but_not_together_do_not_both_start() {
    let folder = tempfile::tempdir().unwrap();
    let disk = rustix::fs::statvfs(folder.path()).unwrap();
    let free_bytes = disk.f_bavail * disk.f_frsize;
    let limits = ReceiveLimits {
        keep_free_bytes: 0,
        ..ReceiveLimits::default()
    };
    let downloads = DownloadFolder::new(folder.path(), limits);
    let name = FileName::new("file").unwrap();
    let create = |downloads: &DownloadFolder| {
        // Other programs use the disk too.
        PartFile::create(downloads, &name, free_bytes / 5 * 3, attributes(0o600, 0))
    };
    let first = create(&downloads).unwrap();
    let second = create(&downloads.clone()).unwrap_err();
    let PartFileError::NoSpace { reserved_bytes, .. } = second else {
        panic!("{second}");
    };
    assert_eq!(reserved_bytes, free_bytes / 5 * 3);
    drop(first);
    assert!(create(&downloads).is_ok(), "its space is free again");
}

#[test]
fn what_is_written_is_not_reserved_any_more() {
    const BYTES: u64 = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let downloads = DownloadFolder::new(folder.path(), ReceiveLimits::default());
    let name = FileName::new("file").unwrap();
    let part = PartFile::create(&downloads, &name, BYTES, attributes(0o600, 0)).unwrap();
    let reserved = || {
        let too_large = PartFile::create(&downloads, &name, u64::MAX / 2, attributes(0o600, 0));
        match too_large {
            Err(PartFileError::NoSpace { reserved_bytes, .. }) => reserved_bytes,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reserved(), BYTES);
    let half = vec![7; BYTES as usize / 2];
    part.writer().unwrap().write_all(&half).unwrap();
    part.file().sync_all().unwrap();
    assert_eq!(reserved(), BYTES / 2);
}

#[test]
fn a_part_file_that_another_program_cuts_or_extends_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let downloads = DownloadFolder::new(folder.path(), ReceiveLimits::default());
    let name = FileName::new("file").unwrap();
    for bytes in [0, 9, 11] {
        let part = PartFile::create(&downloads, &name, 10, attributes(0o600, 0)).unwrap();
        part.writer().unwrap().write_all(&[7; 10]).unwrap();
        part.sync().unwrap();
        part.file().set_len(bytes).unwrap();
        assert!(
            matches!(part.sync(), Err(PartFileError::Replaced(_))),
            "{bytes}"
        );
    }
}
