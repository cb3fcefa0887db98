//! What it says, where: results on stdout, everything else on stderr, and no colour where nobody sees it.

use std::fs::File;
use std::process::Stdio;

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

/// The ways in which standard output or standard error can be unusable.
#[derive(Clone, Copy, Debug)]
enum Broken {
    /// A pipe whose reader has ended.
    Pipe,
    /// A full disk.
    Full,
}

impl Broken {
    fn stdio(self) -> Stdio {
        match self {
            Self::Pipe => {
                let (reader, writer) = std::io::pipe().unwrap();
                drop(reader);
                writer.into()
            }
            Self::Full => File::options()
                .write(true)
                .open("/dev/full")
                .unwrap()
                .into(),
        }
    }
}

const TINY: [&str; 8] = [
    "--set",
    "cast=unicast",
    "--set",
    "loss=0",
    "--set",
    "file=16KiB",
    "--reps",
    "1",
];

#[test]
fn a_sweep_writes_its_results_whatever_becomes_of_its_output() {
    let dir = tempfile::tempdir().unwrap();
    for (broken, number) in [Broken::Pipe, Broken::Full].into_iter().zip(0..) {
        for (stdout, stderr) in [(true, false), (false, true), (true, true)] {
            let out = dir.path().join(format!("{number}-{stdout}-{stderr}"));
            let fixed = ["run", "window", "--runner", "sim", "--out"];
            let mut command = lab(&[&fixed[..], &[out.to_str().unwrap()], &TINY].concat());
            command
                .env("RUST_LOG", "trace")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            if stdout {
                command.stdout(broken.stdio());
            }
            if stderr {
                command.stderr(broken.stdio());
            }
            let ended = command.spawn().unwrap().wait_with_output().unwrap();
            assert!(
                ended.status.success(),
                "{broken:?} {stdout} {stderr}: {ended:?}"
            );
            for name in ["runs.csv", "summary.csv", "report.html", "manifest.json"] {
                assert!(
                    out.join(name).is_file(),
                    "{broken:?} {stdout} {stderr}: {name}"
                );
            }
        }
    }
}

#[test]
fn an_error_ends_with_its_status_if_nobody_reads_it() {
    for broken in [Broken::Pipe, Broken::Full] {
        for (arguments, status) in [
            (&["run", "windw"][..], 2),
            (&["run", "--no-such-option"], 2),
            (&[], 2),
            (&["report", "/nonexistent"], 2),
        ] {
            let ended = lab(arguments).stderr(broken.stdio()).status().unwrap();
            assert_eq!(ended.code(), Some(status), "{broken:?} {arguments:?}");
        }
    }
}

#[test]
fn what_is_printed_is_lost_on_a_full_disk_with_an_error_and_at_a_closed_pipe_without() {
    let dir = tempfile::tempdir().unwrap();
    simulate(
        "window",
        dir.path(),
        &[&TINY[..], &["--set", "window=5,10"]].concat(),
    );
    let folder = dir.path().to_str().unwrap();
    for arguments in [
        &["list"][..],
        &["--help"],
        &["--version"],
        &["run", "--help"],
        &["compare", folder, folder],
        &["doctor", "--json"],
    ] {
        let ended = |broken: Broken| lab(arguments).stdout(broken.stdio()).output().unwrap();
        let closed = ended(Broken::Pipe);
        assert_eq!(closed.status.code(), Some(0), "{arguments:?} {closed:?}");
        assert_eq!(stderr(&closed), "", "{arguments:?}");
        let full = ended(Broken::Full);
        assert_eq!(full.status.code(), Some(1), "{arguments:?} {full:?}");
        let message = stderr(&full);
        assert!(message.contains("No space left"), "{arguments:?} {message}");
    }
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
