//! What it says, where: results on stdout, everything else on stderr, and no colour where nobody sees it.

use crate::{lab, output, simulate, stderr, stdout};

#[test]
fn help_names_every_option() {
    let help = stdout(&output(&["run", "--help"]));
    for option in [
        "--runner",
        "--shaper",
        "--set",
        "--reps",
        "--until-ci",
        "--resume",
        "--jobs",
        "--seed",
        "--out",
        "SCENARIO",
    ] {
        assert!(help.contains(option), "{option}: {help}");
    }
    assert_eq!(output(&["run", "--help"]).status.code(), Some(0));
}

#[test]
fn the_internal_command_is_not_listed() {
    assert!(!stdout(&output(&["--help"])).contains("shaper"));
}

#[test]
fn list_names_the_built_in_scenarios() {
    let listed = output(&["list"]);
    assert!(listed.status.success());
    assert!(
        stdout(&listed)
            .lines()
            .any(|line| line.trim_start().starts_with("window "))
    );
}

#[test]
fn results_go_to_stdout_and_progress_to_stderr_both_without_colour() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        "--set",
        "window=10,20",
        "--set",
        "loss=0",
        "--set",
        "file=64KiB",
        "--reps",
        "1",
    ];
    let output = simulate("window", dir.path(), &settings);
    let (results, progress) = (stdout(&output), stderr(&output));
    assert!(
        results.contains("unicast to 1 receiver, median goodput (Mbit/s)"),
        "{results}"
    );
    assert!(progress.contains("6 of 6 runs"), "{progress}");
    assert!(!results.contains("of 6 runs"));
    assert!(!results.contains('\x1b') && !progress.contains('\x1b'));
}

#[test]
fn without_arguments_it_says_how_it_is_used() {
    let output = output(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("Usage:"));
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = lab(&["trace", "--set", "file=4KiB", "--out", out]);
    let ended = command.stdout(writer).output().unwrap();
    assert!(ended.status.success(), "{}", stderr(&ended));
    assert_eq!(stderr(&ended), "");
}

#[test]
fn the_table_has_a_row_for_a_window_that_finds_itself() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("results");
    let more = ["--reps", "1", "--set", "window=auto,2", "--set", "loss=0"];
    let said = stdout(&simulate("quick", &out, &more));
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    assert!(
        said.lines()
            .any(|line| first(line).as_deref() == Some("auto")),
        "{said}"
    );
}
