//! What is wrong with a command line is said before anything is begun.

use crate::{output, stderr};

/// Expects exit 2, nothing begun, and a message that contains all of `says`.
fn refused(arguments: &[&str], says: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("results");
    let fixed = ["--out", out.to_str().unwrap()];
    let output = output(&[&["run"][..], arguments, &fixed].concat());
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    for part in says {
        assert!(
            message.contains(part),
            "{arguments:?} should say {part:?}: {message}"
        );
    }
    assert!(output.stdout.is_empty(), "{arguments:?} wrote to stdout");
    assert!(!out.exists(), "{arguments:?} began");
}

#[test]
fn an_unknown_scenario_names_the_nearest() {
    refused(
        &["windw"],
        &["windw", "did you mean `window`?", "TOML file"],
    );
}

#[test]
fn an_unknown_key_names_the_nearest_and_all() {
    refused(
        &["window", "--set", "windows=10"],
        &["did you mean `window`?", "receivers"],
    );
}

#[test]
fn a_value_out_of_range_says_the_range() {
    refused(
        &["window", "--set", "window=0"],
        &["window", "`0`", "1 to 65535"],
    );
    refused(
        &["window", "--set", "loss=1.5"],
        &["loss", "`1.5`", "0 to 0.5"],
    );
    refused(
        &["window", "--set", "cast=anycast"],
        &["anycast", "unicast, multicast, broadcast"],
    );
    refused(&["window", "--set", "rate=10"], &["rate", "10mbit"]);
    refused(&["window", "--set", "file=5TiB"], &["file", "4MiB"]);
    refused(&["window", "--reps", "0"], &["--reps", "1..=1000"]);
}

#[test]
fn values_that_do_not_go_together_are_refused() {
    refused(
        &["window", "--set", "jitter=20ms"],
        &["jitter", "at most the delay"],
    );
}

#[test]
fn a_reason_is_said_once() {
    let output = output(&["run", "window", "--set", "jitter=20ms"]);
    let message = stderr(&output);
    assert_eq!(message.matches("at most the delay").count(), 1, "{message}");
}

#[test]
fn a_setting_without_a_value_says_its_form() {
    refused(&["window", "--set", "window"], &["KEY=V,V..."]);
}

#[test]
fn more_runs_than_anyone_waits_for_are_refused() {
    let windows: Vec<_> = (1..=2_000).map(|window| window.to_string()).collect();
    let set = format!("window={}", windows.join(","));
    refused(
        &["window", "--reps", "1000", "--set", &set],
        &["runs", "1000000"],
    );
}

#[test]
fn an_unreachable_engine_is_an_error_where_containers_are_asked_for() {
    refused(&["window", "--runner", "docker"], &["--runner sim"]);
}

#[test]
fn a_shaper_is_not_for_the_simulator() {
    refused(
        &["window", "--runner", "sim", "--shaper", "netem"],
        &["--runner docker"],
    );
}

#[test]
fn an_unknown_runner_lists_the_known_ones() {
    refused(&["window", "--runner", "ns3"], &["auto", "sim", "docker"]);
}
