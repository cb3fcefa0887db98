//! `run peers` and `report` hand over to the program `backroom-peers` beside the lab.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::stderr;

const LAB: &str = env!("CARGO_BIN_EXE_backroom-lab");

/// The lab in a folder of its own. It is on the same file system, so that a hard link suffices.
fn lab_alone() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir_in(Path::new(LAB).parent().unwrap()).unwrap();
    let lab = dir.path().join("backroom-lab");
    fs::hard_link(LAB, &lab).unwrap();
    (dir, lab)
}

fn run(lab: &Path, arguments: &[&str]) -> Output {
    Command::new(lab).args(arguments).output().unwrap()
}

#[test]
fn a_missing_program_is_an_error_that_names_the_remedy() {
    let (_dir, lab) = lab_alone();
    let output = run(&lab, &["run", "peers"]);
    assert_eq!(output.status.code(), Some(2));
    let message = stderr(&output);
    assert!(
        message.contains("cargo build -p backroom-peers"),
        "{message}"
    );
}

#[test]
fn options_are_passed_on() {
    let (dir, lab) = lab_alone();
    symlink("/bin/echo", dir.path().join("backroom-peers")).unwrap();
    let passed_on = |arguments: &[&str]| {
        let output = run(&lab, arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let options = [
        "run", "peers", "--reps", "3", "--seed", "7", "--only", "path",
    ];
    assert_eq!(passed_on(&options), "run --reps 3 --seed 7 --only path\n");
    let publish = ["run", "peers", "--out", "there", "--publish"];
    assert_eq!(passed_on(&publish), "run --out there --publish\n");
    let results = tempfile::tempdir().unwrap();
    let manifest = results.path().join("manifest.json");
    fs::write(manifest, r#"{"scenario": "peers"}"#).unwrap();
    let folder = results.path().to_str().unwrap();
    assert_eq!(passed_on(&["report", folder]), format!("report {folder}\n"));
}

#[test]
fn options_of_sweeps_are_refused() {
    let (_dir, lab) = lab_alone();
    let output = run(&lab, &["run", "peers", "--resume"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--resume"));
}
