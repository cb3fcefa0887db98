//! `report` on rows as `run` writes them.

#![allow(clippy::unwrap_used)] // the helpers of a test may fail it

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const COLUMNS: &str = "comparison,contestant,options,receivers,repetition,seed,order,bytes,seconds,goodput_mbps,\
                       sender_processor_seconds,packets,packets_lost,ok,note,command\n";

fn report(folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backroom-peers"))
        .arg("report")
        .arg(folder)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn summary_and_chart_are_written_again_from_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = r#"{ "scenario": "peers", "repetitions": 2 }"#;
    fs::write(dir.path().join("manifest.json"), manifest).unwrap();
    let mut rows = COLUMNS.to_owned();
    for (contestant, mbps) in [("backroom", 20), ("TCP cubic", 4)] {
        for repetition in [1, 2] {
            rows += &format!("path,{contestant},,1,{repetition},1,1,10000000,4,{mbps},,,,true,,\n");
        }
    }
    fs::write(dir.path().join("runs.csv"), &rows).unwrap();
    let output = report(dir.path());
    assert!(output.status.success(), "{}", stderr(&output));
    let foreign = rows.replace("TCP cubic", "TCP vegas");
    fs::write(dir.path().join("runs.csv"), foreign).unwrap();
    let refused = report(dir.path());
    assert!(!refused.status.success() && stderr(&refused).contains("TCP vegas"));
    let summary = fs::read_to_string(dir.path().join("summary.csv")).unwrap();
    let tcp = summary.lines().find(|line| line.contains("TCP cubic"));
    assert!(tcp.is_some_and(|line| line.contains(",5.0,")), "{summary}");
    for kind in ["png", "svg"] {
        let chart = format!("goodput-of-peers.{kind}");
        assert!(dir.path().join(&chart).is_file(), "no {chart}");
    }
}

#[test]
fn a_folder_of_another_scenario_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = r#"{ "scenario": "window", "repetitions": 2 }"#;
    fs::write(dir.path().join("manifest.json"), manifest).unwrap();
    let output = report(dir.path());
    assert!(!output.status.success());
    assert!(stderr(&output).contains("window"), "{}", stderr(&output));
}

#[test]
fn a_report_replaces_only_summary_and_chart() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = r#"{ "scenario": "peers", "repetitions": 1 }"#;
    let rows = COLUMNS.to_owned() + "path,backroom,,1,1,1,1,10000000,4,20,,,,true,,\n";
    let theirs = [
        ("manifest.json", manifest),
        ("runs.csv", &rows),
        ("notes.txt", "mine"),
    ];
    for (name, text) in theirs {
        fs::write(dir.path().join(name), text).unwrap();
    }
    for _ in 0..2 {
        let output = report(dir.path());
        assert!(output.status.success(), "{}", stderr(&output));
    }
    for (name, text) in theirs {
        assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), text);
    }
}

#[test]
fn a_folder_with_files_is_refused_before_anything_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("runs.csv");
    fs::write(&path, "mine").unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_backroom-peers"))
        .args(["run", "--out"])
        .arg(dir.path())
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(
        stderr(&refused).contains("is not empty"),
        "{}",
        stderr(&refused)
    );
    assert_eq!(fs::read(path).unwrap(), b"mine");
}

#[test]
fn a_closed_stderr_does_not_change_the_exit_status() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_backroom-peers"))
        .args(["report", "/nonexistent"])
        .stderr(writer)
        .status();
    assert_eq!(status.unwrap().code(), Some(1));
}
