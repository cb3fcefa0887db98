//! Where the benchmarks of the room write: never over anything that they did not write themselves. No room is opened.

#![allow(clippy::unwrap_used)] // the helpers of a test may fail it

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn bench(here: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backroom-room-bench"))
        .args(arguments)
        .current_dir(here)
        .output()
        .unwrap()
}

/// A folder with files that have the names of a server and a client.
fn programs(here: &Path) {
    fs::create_dir(here.join("programs")).unwrap();
    for name in ["backroom-server", "backroom-client"] {
        fs::write(here.join("programs").join(name), "no program").unwrap();
    }
}

#[test]
fn a_folder_with_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    programs(dir.path());
    fs::create_dir(dir.path().join("out")).unwrap();
    fs::write(dir.path().join("out/crowd.csv"), "mine").unwrap();
    for command in ["crowd", "chat"] {
        let arguments = [command, "--programs", "programs", "--out", "out"];
        let refused = bench(dir.path(), &arguments);
        let message = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{command}: {message}");
        assert!(message.contains("out is not empty"), "{message}");
    }
    assert_eq!(fs::read(dir.path().join("out/crowd.csv")).unwrap(), b"mine");
}

#[test]
fn a_measurement_that_fails_says_where_its_rows_are_and_keeps_published_results() {
    let dir = tempfile::tempdir().unwrap();
    programs(dir.path());
    let published = dir.path().join("results/room");
    fs::create_dir_all(&published).unwrap();
    let old = [
        ("crowd-manifest.json", r#"{"charts": []}"#),
        ("crowd.csv", "old"),
    ];
    for (name, text) in old {
        fs::write(published.join(name), text).unwrap();
    }
    let fails = |more: &[&str]| {
        let arguments = [&["crowd", "--programs", "programs"][..], more].concat();
        let failed = bench(dir.path(), &arguments);
        assert!(!failed.status.success());
        String::from_utf8_lossy(&failed.stderr).into_owned()
    };
    assert!(fails(&[]).contains("results/local/room/crowd"));
    assert!(fails(&[]).contains("results/local/room/crowd-2"));
    let message = fails(&["--publish"]);
    assert!(message.contains("results/room.partial"), "{message}");
    assert!(
        message.contains("results in results/room are as they were"),
        "{message}"
    );
    let again = fails(&["--publish"]);
    assert!(again.contains("did not end"), "{again}");
    for (name, text) in old {
        assert_eq!(fs::read_to_string(published.join(name)).unwrap(), text);
    }
}

#[test]
fn a_closed_stderr_does_not_change_the_exit_status() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_backroom-room-bench"))
        .args(["crowd", "--programs", "/nonexistent"])
        .stderr(writer)
        .status();
    assert_eq!(status.unwrap().code(), Some(1));
}
