//! An interrupted sweep keeps what it has measured.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::lab;

#[test]
fn ctrl_c_flushes_and_exits_130() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let long = ["--reps", "1000", "--set", "file=64KiB"];
    let mut child = lab(&[
        &["run", "window", "--runner", "sim", "--out", out][..],
        &long,
    ]
    .concat())
    .stdout(Stdio::null())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    lines.find(|line| line.starts_with("0 of ")).unwrap();
    let pid = Pid::from_raw(child.id() as i32).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let rest: Vec<_> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");

    let mut rows = csv::Reader::from_path(dir.path().join("runs.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    let manifest = fs::read_to_string(dir.path().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["runs"], rows.len());
    assert!(manifest["planned"].as_u64().unwrap() > rows.len() as u64);
    assert!(!dir.path().join("summary.csv").exists());
}
