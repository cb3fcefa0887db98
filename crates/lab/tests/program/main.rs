//! The program `backroom-lab` from outside: its arguments, its exit statuses and the files it writes. Everything is
//! simulated.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod charts;
mod folder;
mod output;
mod peers;
mod repeat;
mod report;
mod stop;
mod sweep;
mod trace;
mod usage;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use backroom_lab::record::RunRecord;
use backroom_lab::results::Rows;

/// A command line of the program, away from any results and from any engine.
fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backroom-lab"));
    command
        .args(arguments)
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    command
}

/// Runs the program to its end.
fn output(arguments: &[&str]) -> Output {
    lab(arguments).output().unwrap()
}

/// Runs `run` simulated, with the results in `out`, and expects success.
fn simulate(scenario: &str, out: &Path, more: &[&str]) -> Output {
    let fixed = [
        "run",
        scenario,
        "--runner",
        "sim",
        "--out",
        out.to_str().unwrap(),
    ];
    let output = output(&[&fixed, more].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The rows in the folder `out`.
fn rows(out: &Path) -> Vec<RunRecord> {
    let text = fs::read(out.join("runs.csv")).unwrap();
    Rows::parse(&text).unwrap().records
}
