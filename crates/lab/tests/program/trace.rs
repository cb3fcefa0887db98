//! `trace`: pictures, lines and a capture of one transfer.

use std::fs;
use std::path::Path;

use crate::{output, stderr};

const NAMES: [&str; 6] = [
    "space-time.png",
    "space-time.svg",
    "time-sequence.png",
    "time-sequence.svg",
    "trace.jsonl",
    "trace.pcapng",
];

fn trace(out: &Path, more: &[&str]) -> std::process::Output {
    let out = out.to_str().unwrap();
    let arguments = [&["trace", "--out", out], more].concat();
    output(&arguments)
}

#[test]
fn the_same_cell_and_seed_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let cell = [
        "--set",
        "window=4",
        "--set",
        "loss=0.2",
        "--set",
        "file=24KiB",
        "--seed",
        "7",
    ];
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    for out in [&one, &other] {
        assert!(trace(out, &cell).status.success());
    }
    for name in NAMES {
        let (one, other) = (fs::read(one.join(name)), fs::read(other.join(name)));
        assert_eq!(one.unwrap(), other.unwrap(), "{name}");
    }
}

#[test]
fn the_caption_mentions_what_differs_from_an_ideal_link() {
    let dir = tempfile::tempdir().unwrap();
    let cell = ["jitter=2ms", "duplicate=0.1", "file=24KiB"].map(|value| ["--set", value]);
    let printed = trace(dir.path(), cell.as_flattened());
    let printed = String::from_utf8(printed.stdout).unwrap();
    for phrase in ["2 ms jitter", "10 % duplicates"] {
        assert!(printed.contains(phrase), "{phrase}: {printed}");
    }
}

#[test]
fn lines_that_were_written_are_read_as_the_same_trace() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    let cell = ["--set", "loss=0.1", "--set", "file=48KiB"];
    assert!(trace(&one, &cell).status.success());
    let lines = one.join("trace.jsonl");
    assert!(
        trace(&other, &["--trace", lines.to_str().unwrap()])
            .status
            .success()
    );
    for name in ["trace.jsonl", "trace.pcapng"] {
        let (one, other) = (fs::read(one.join(name)), fs::read(other.join(name)));
        assert!(one.unwrap() == other.unwrap(), "{name}");
    }
}

#[test]
fn several_cells_and_absent_receivers_are_usage_errors_that_say_what_to_choose() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 3] = [
        (&["loss"], "--set window=5 or 10"),
        (&["--receiver", "2"], "--receiver can be 1"),
        (&["--from-ms", "5", "--to-ms", "5"], "not before"),
    ];
    for (arguments, says) in cases {
        let output = trace(&dir.path().join("none"), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let message = stderr(&output);
        assert!(message.contains(says), "{message}");
    }
    assert!(!dir.path().join("none").exists());
}
