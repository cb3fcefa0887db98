//! Where a sweep writes: never over anything that it did not write itself.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::{lab, rows, stderr, stdout};

const TINY: [&str; 12] = [
    "--runner",
    "sim",
    "--set",
    "window=5,10",
    "--set",
    "cast=unicast",
    "--set",
    "loss=0",
    "--set",
    "file=16KiB",
    "--reps",
    "2",
];
/// A sweep that does not end by itself in the time of a test.
const LONG: [&str; 6] = ["--runner", "sim", "--reps", "1000", "--set", "file=64KiB"];

/// Runs `run` in the folder `here`.
fn run(here: &Path, scenario: &str, more: &[&str]) -> Output {
    let arguments = [&["run", scenario][..], more].concat();
    lab(&arguments).current_dir(here).output().unwrap()
}

#[track_caller]
fn succeeds(here: &Path, more: &[&str]) -> Output {
    let output = run(here, "window", &[&TINY[..], more].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    output
}

/// Interrupts a long sweep in the folder `here` after its first rows, which it writes to `rows`. Returns what it said.
fn interrupted(here: &Path, more: &[&str], rows: &Path) -> String {
    let arguments = [&["run", "window"][..], &LONG, more].concat();
    let mut child = lab(&arguments)
        .current_dir(here)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    lines.find(|line| line.starts_with("0 of ")).unwrap();
    while fs::metadata(rows).unwrap().len() < 5_000 {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let said: Vec<_> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said:?}");
    said.join("\n")
}

/// The names and contents of all files in `folder`.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut files: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn each_sweep_gets_a_folder_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let folder = |name: &str| dir.path().join("results/local/window").join(name);
    succeeds(dir.path(), &[]);
    let first = contents(&folder("sim"));
    let second = succeeds(dir.path(), &["--seed", "9"]);
    assert!(stdout(&second).contains("results/local/window/sim-2/runs.csv"));
    assert!(contents(&folder("sim")) == first);
    assert_eq!(rows(&folder("sim-2"))[0].seed, 9);
    let results = fs::read_dir(dir.path().join("results")).unwrap();
    assert_eq!(results.count(), 1, "only results/local is written");
}

#[test]
fn a_folder_with_files_is_refused_with_the_remedies() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["runs.csv", "notes.txt", ".hidden"] {
        let out = dir.path().join(name.replace('.', "-"));
        fs::create_dir(&out).unwrap();
        fs::write(out.join(name), "mine").unwrap();
        let more = [&TINY[..], &["--out", out.to_str().unwrap()]].concat();
        let refused = run(dir.path(), "window", &more);
        assert_eq!(refused.status.code(), Some(2));
        let message = stderr(&refused);
        for remedy in ["--out", "--resume", "--publish"] {
            assert!(message.contains(remedy), "{message}");
        }
        assert_eq!(contents(&out), [(name.to_owned(), b"mine".to_vec())]);
    }
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let more = [&TINY[..], &["--out", file.to_str().unwrap()]].concat();
    assert_eq!(run(dir.path(), "window", &more).status.code(), Some(2));
    assert_eq!(fs::read(file).unwrap(), b"mine");
}

#[test]
fn without_a_folder_the_newest_sweep_with_the_same_settings_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let resume = |more: &[&str]| {
        let more = [&TINY[..], &["--resume"], more].concat();
        run(dir.path(), "window", &more)
    };
    let nothing = resume(&[]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(
        stderr(&nothing).contains("omit --resume"),
        "{}",
        stderr(&nothing)
    );
    succeeds(dir.path(), &[]);
    succeeds(dir.path(), &["--seed", "9"]);
    let resumed = resume(&[]);
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert!(
        stderr(&resumed).contains("resuming after 4 runs"),
        "{}",
        stderr(&resumed)
    );
    assert!(stdout(&resumed).contains("results/local/window/sim/runs.csv"));
    let another = resume(&["--seed", "5"]);
    assert_eq!(another.status.code(), Some(2));
    assert!(
        stderr(&another).contains("seed is 9, not 5"),
        "{}",
        stderr(&another)
    );
}

#[test]
fn two_labs_do_not_write_to_the_same_folder() {
    let dir = tempfile::tempdir().unwrap();
    succeeds(dir.path(), &["--out", "out"]);
    let out = dir.path().join("out");
    let before = contents(&out);
    let lock = fs::File::open(&out).unwrap();
    lock.try_lock().unwrap();
    let resumed = run(
        dir.path(),
        "window",
        &[&TINY[..], &["--out", "out", "--resume"]].concat(),
    );
    assert_eq!(resumed.status.code(), Some(1));
    assert!(
        stderr(&resumed).contains("another lab"),
        "{}",
        stderr(&resumed)
    );
    let report = lab(&["report", out.to_str().unwrap()]).output().unwrap();
    assert_eq!(report.status.code(), Some(1));
    assert!(contents(&out) == before);
}

#[test]
fn published_results_are_replaced_when_the_new_ones_are_complete() {
    let dir = tempfile::tempdir().unwrap();
    let published = dir.path().join("results/window/sim");
    succeeds(dir.path(), &["--publish"]);
    fs::write(published.join("README.md"), "mine").unwrap();
    let old = contents(&published);
    let rows_of_partial = dir.path().join("results/window/sim.partial/runs.csv");

    let said = interrupted(dir.path(), &["--publish"], &rows_of_partial);
    for part in ["results/window/sim.partial", "--resume", "are as they were"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(contents(&published) == old);
    let again = run(dir.path(), "window", &[&TINY[..], &["--publish"]].concat());
    assert_eq!(again.status.code(), Some(2));
    let message = stderr(&again);
    assert!(
        message.contains("sim.partial") && message.contains("--resume"),
        "{message}"
    );
    assert!(contents(&published) == old);

    fs::remove_dir_all(dir.path().join("results/window/sim.partial")).unwrap();
    let done = succeeds(dir.path(), &["--publish", "--seed", "9"]);
    assert!(
        stdout(&done).contains("results/window/sim/runs.csv"),
        "{}",
        stdout(&done)
    );
    assert_eq!(rows(&published)[0].seed, 9);
    assert_eq!(fs::read(published.join("README.md")).unwrap(), b"mine");
    let beside = fs::read_dir(dir.path().join("results/window")).unwrap();
    assert_eq!(beside.count(), 1, "the partial folder is gone");
    assert!(!dir.path().join("results/local").exists());
}

#[test]
fn an_interrupted_publication_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let (published, partial) = (dir.path().join("out"), dir.path().join("out.partial"));
    let more = ["--out", "out", "--publish"];
    succeeds(dir.path(), &more);
    succeeds(dir.path(), &["--out", "whole", "--seed", "9"]);
    // As after a kill between the first rows.
    succeeds(dir.path(), &["--out", "out.partial", "--seed", "9"]);
    let whole = fs::read_to_string(partial.join("runs.csv")).unwrap();
    let rows_kept: String = whole.split_inclusive('\n').take(2).collect();
    fs::write(partial.join("runs.csv"), rows_kept).unwrap();
    let resumed = succeeds(
        dir.path(),
        &[&more[..], &["--seed", "9", "--resume"]].concat(),
    );
    assert!(
        stderr(&resumed).contains("resuming after 1 runs"),
        "{}",
        stderr(&resumed)
    );
    assert_eq!(
        fs::read_to_string(published.join("runs.csv")).unwrap(),
        whole
    );
    assert!(!partial.exists());
    let nothing = run(
        dir.path(),
        "window",
        &[&TINY[..], &more, &["--resume"]].concat(),
    );
    assert_eq!(nothing.status.code(), Some(2));
}

#[test]
fn a_sweep_without_success_is_not_published() {
    let dir = tempfile::tempdir().unwrap();
    succeeds(dir.path(), &["--out", "out", "--publish"]);
    let old = contents(&dir.path().join("out"));
    let hopeless = [
        "timeout=1ms",
        "window=200",
        "rate=64kbit",
        "recovery=timeout",
        "cast=unicast",
        "loss=0",
    ];
    let set: Vec<_> = hopeless
        .iter()
        .flat_map(|setting| ["--set", setting])
        .collect();
    let more = [
        "--runner",
        "sim",
        "--reps",
        "1",
        "--out",
        "out",
        "--publish",
    ];
    let failed = run(dir.path(), "window", &[&more[..], &set].concat());
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        stderr(&failed).contains("are as they were"),
        "{}",
        stderr(&failed)
    );
    assert!(contents(&dir.path().join("out")) == old);
    assert!(dir.path().join("out.partial/summary.csv").is_file());
}

#[test]
fn files_that_no_sweep_wrote_are_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("runs.csv"), "mine").unwrap();
    let more = [&TINY[..], &["--out", "out", "--publish"]].concat();
    let refused = run(dir.path(), "window", &more);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert_eq!(contents(&out), [("runs.csv".to_owned(), b"mine".to_vec())]);
}

#[test]
fn an_interrupted_sweep_says_where_its_rows_are() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("results/local/window/sim");
    let said = interrupted(dir.path(), &[], &folder.join("runs.csv"));
    let part = "the rows so far are in results/local/window/sim; to continue, repeat the command with --resume";
    assert!(said.contains(part), "{said}");
}
