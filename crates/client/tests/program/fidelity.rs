//! A file is what it was: contents, name, permissions and time.

use std::ffi::OsStr;
use std::fs::{self, FileTimes, OpenOptions, Permissions};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use crate::harness::{Files, Member, Room, skip};

/// Overwrites the first byte, and puts the modification time back.
fn rewrite(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(b"?", 0).unwrap();
    file.set_times(FileTimes::new().set_modified(modified))
        .unwrap();
}

fn truncate(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(1).unwrap();
}

fn grow(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() + 1).unwrap();
}

fn replace(path: &Path) {
    let other = path.with_file_name("other");
    fs::copy(path, &other).unwrap();
    fs::rename(other, path).unwrap();
}

async fn assert_failed_as_changed(receiver: &mut Member) {
    let failed = receiver.event("failed").await;
    let error = failed["error"].as_str().unwrap();
    assert!(
        error.starts_with("the sender reports: the file changed"),
        "{error}"
    );
    assert!(
        receiver.downloaded().is_empty(),
        "{:?}",
        receiver.downloaded()
    );
}

fn errors(sent: &Value) -> Vec<&str> {
    let receivers = sent["receivers"].as_array().unwrap().iter();
    receivers
        .map(|receiver| receiver["error"].as_str().unwrap_or("none"))
        .collect()
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_sent_is_an_error_on_both_sides() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    for (number, change) in [rewrite, truncate, grow, replace].iter().enumerate() {
        let (path, _) = files.create(&format!("{number}.bin"), 30_000);
        ada.type_line(&format!("funicast|bob|{path}")).await;
        bob.event("receiving").await;
        change(Path::new(&path));
        let sent = ada.event("sent").await;
        let errors = errors(&sent);
        assert!(errors[0].contains("changed while it was sent"), "{sent}");
        assert_failed_as_changed(&mut bob).await;
    }
    let (path, contents) = files.create("unchanged.bin", 30_000);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    let received = bob.event("received").await;
    assert!(fs::read(received["path"].as_str().unwrap()).unwrap() == contents);
}

#[tokio::test]
async fn all_receivers_of_a_file_that_changes_get_the_error() {
    let room = Room::open().await;
    let [mut ada, mut bob, mut eve, mut kim] = room.join_all(["ada", "bob", "eve", "kim"]).await;
    let files = Files::new();
    for delivery in ["ip-multicast", "parallel"] {
        ada.type_line(&format!("delivery|{delivery}")).await;
        ada.send_slowly().await;
        let (path, _) = files.create(&format!("{delivery}.bin"), 30_000);
        ada.type_line(&format!("fbroadcast|{path}")).await;
        for receiver in [&mut bob, &mut eve, &mut kim] {
            receiver.event("receiving").await;
        }
        rewrite(Path::new(&path));
        let sent = ada.event("sent").await;
        for error in errors(&sent) {
            assert!(error.contains("changed while it was sent"), "{sent}");
        }
        for receiver in [&mut bob, &mut eve, &mut kim] {
            assert_failed_as_changed(receiver).await;
        }
    }
}

#[tokio::test]
async fn a_file_that_the_kernel_makes_up_is_refused() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    for path in ["/proc/self/status", "/proc/cpuinfo"] {
        let error = ada.error_of(&format!("funicast|bob|{path}")).await;
        assert!(error.contains("does not report its size"), "{error}");
    }
    ada.type_line("municast|bob|no file").await;
    bob.event("message").await;
    assert!(!bob.has_passed("receiving"));
}

#[tokio::test]
async fn permissions_and_modification_time_survive_within_the_receivers_umask() {
    let room = Room::open().await;
    let mut ada = room.join("ada").await;
    let umask = ["sh", "-c", "umask 027; exec \"$0\" \"$@\""];
    let mut bob = room.join_within("bob", &umask, &[]).await;
    ada.event("member_joined").await;
    let files = Files::new();
    let modified = UNIX_EPOCH + Duration::new(1_000_000_000, 500_000_000);
    for (mode, expected) in [
        (0o600, 0o600),
        (0o644, 0o640),
        (0o666, 0o640),
        (0o755, 0o750),
        (0o4777, 0o750),
        (0o400, 0o400),
    ] {
        let (path, _) = files.create(&format!("{mode:o}"), 10);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_times(FileTimes::new().set_modified(modified))
            .unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        ada.type_line(&format!("funicast|bob|{path}")).await;
        let received = bob.event("received").await;
        let metadata = fs::metadata(received["path"].as_str().unwrap()).unwrap();
        assert_eq!(metadata.mode() & 0o7777, expected, "{mode:o}");
        assert_eq!(metadata.modified().unwrap(), modified);
    }
}

/// A folder on a file system of its own, which only the client sees. `None` if this machine does not allow that.
fn private_mount(options: &str) -> Option<[String; 5]> {
    let mount = format!("mount -t {options} none \"$DOWNLOADS\" && exec \"$0\" \"$@\"");
    let within = ["unshare", "-rm", "sh", "-c", &mount].map(str::to_owned);
    let folder = tempfile::tempdir().unwrap();
    let tried = std::process::Command::new(&within[0])
        .args(&within[1..])
        .arg("true")
        .env("DOWNLOADS", folder.path())
        .status();
    match tried {
        Ok(status) if status.success() => Some(within),
        _ => {
            skip("this machine allows no mounts in a user namespace");
            None
        }
    }
}

#[tokio::test]
async fn two_files_that_fit_alone_but_not_together_do_not_both_start() {
    let Some(within) = private_mount("tmpfs -o size=4m") else {
        return;
    };
    let within = within.each_ref().map(String::as_str);
    let room = Room::open().await;
    let mut ada = room.join("ada").await;
    let mut bob = room
        .join_within("bob", &within, &["--keep-free", "1MiB"])
        .await;
    ada.event("member_joined").await;
    let files = Files::new();
    let (path, _) = files.create("a.bin", 2_000_000);
    ada.send_slowly().await;
    ada.type_line(&format!("funicast|bob|{path}")).await;
    let first = bob.event("receiving").await;
    ada.type_line(&format!("funicast|bob|{path}")).await;
    let failed = bob.event("failed").await;
    let error = failed["error"].as_str().unwrap();
    assert!(
        error.contains("--keep-free") && error.contains("1048576 must stay free"),
        "{error}"
    );
    let sent = ada.event("sent").await;
    assert_eq!(errors(&sent), ["declined: its disk is too full"]);
    // The space of the first is free again once that has ended.
    bob.type_line(&format!("cancel|{}", first["id"])).await;
    bob.event("failed").await;
    ada.type_line(&format!("funicast|bob|{path}")).await;
    bob.event("receiving").await;
}

#[tokio::test]
async fn a_file_system_without_a_size_counts_as_unknown_not_as_full() {
    let Some(within) = private_mount("ramfs") else {
        return;
    };
    let within = within.each_ref().map(String::as_str);
    let room = Room::open().await;
    let mut ada = room.join("ada").await;
    let mut bob = room.join_within("bob", &within, &[]).await;
    ada.event("member_joined").await;
    let files = Files::new();
    let (path, _) = files.create("a.bin", 10_000);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    bob.event("received").await;
}

#[tokio::test]
async fn a_part_file_that_is_replaced_by_a_link_is_an_error_on_both_sides() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let files = Files::new();
    ada.send_slowly().await;
    let (path, _) = files.create("a.bin", 30_000);
    let (victim, victim_contents) = files.create("victim", 100);
    ada.type_line(&format!("funicast|bob|{path}")).await;
    bob.event("receiving").await;
    let part = bob.downloads().join(&bob.downloaded()[0]);
    fs::remove_file(&part).unwrap();
    symlink(&victim, &part).unwrap();
    let failed = bob.event("failed").await;
    let error = failed["error"].as_str().unwrap();
    assert!(
        error.contains("was removed, replaced or changed"),
        "{error}"
    );
    let sent = ada.event("sent").await;
    assert!(
        errors(&sent)[0].contains("removed, replaced or changed"),
        "{sent}"
    );
    assert!(fs::symlink_metadata(&part).unwrap().is_symlink());
    assert!(fs::read(&victim).unwrap() == victim_contents);
    assert_eq!(bob.downloaded().len(), 1);
}

/// A name that a file system can hold, how the command names it, and what the receiver calls it.
fn names(long: &str) -> Vec<(&[u8], Vec<u8>, &str)> {
    let plain = |name: &'static str| name.as_bytes().to_vec();
    vec![
        (b" spaces ", plain("\"/ spaces \""), "spaces"),
        (b"two\nlines\r", plain("\"/two\\nlines\\r\""), "two_lines_"),
        (b"caf\xe9", b"/caf\xe9".to_vec(), "caf\u{fffd}"),
        (b"na\xefve", plain("\"/na\\xefve\""), "na\u{fffd}ve"),
        (b"...", plain("/..."), "file"),
        (b" . ", plain("\"/ . \""), "file"),
        (b".hidden", plain("/.hidden"), "_.hidden"),
        (b"NUL.txt", plain("/NUL.txt"), "_NUL.txt"),
        (b"a|b\"c", plain("\"/a|b\\\"c\""), "a_b_c"),
        (b"back\\slash", plain("\"/back\\\\slash\""), "slash"),
        (b"~", plain("/~"), "~"),
        (b"\x1b[31m", plain("\"/\\x1b[31m\""), "_[31m"),
        (
            long.as_bytes(),
            format!("/{long}").into_bytes(),
            &long[..222],
        ),
    ]
}

#[tokio::test]
async fn every_name_can_be_sent_and_arrives_under_a_safe_one() {
    let room = Room::open().await;
    let [mut ada, mut bob] = room.join_all(["ada", "bob"]).await;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap().to_owned();
    // 255 bytes, or fewer on some file systems.
    let longest = rustix::fs::statvfs(folder.path()).unwrap().f_namemax;
    let long = "x".repeat(longest.min(255) as usize);
    for (number, (name, typed, arrives_as)) in names(&long).into_iter().enumerate() {
        fs::write(
            folder.path().join(OsStr::from_bytes(name)),
            number.to_string(),
        )
        .unwrap();
        // The folder goes in front of the name, inside the quotes.
        let at = usize::from(typed.starts_with(b"\""));
        let (quote, rest) = typed.split_at(at);
        let line = [b"funicast|bob|", quote, root.as_bytes(), rest, b"\n"].concat();
        ada.type_bytes(&line).await;
        let received = bob.event("received").await;
        let path = PathBuf::from(received["path"].as_str().unwrap());
        let stem = arrives_as.split('.').next().unwrap();
        let file_name = path.file_name().unwrap().to_owned().into_vec();
        assert!(file_name.starts_with(stem.as_bytes()), "{name:?}: {path:?}");
        assert_eq!(received["file"], arrives_as);
        assert_eq!(fs::read_to_string(&path).unwrap(), number.to_string());
    }
}
