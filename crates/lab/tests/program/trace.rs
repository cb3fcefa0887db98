//! `trace`: pictures, lines and a capture of one transfer.

use std::fs;
use std::path::Path;

use crate::{lab, output, stderr};

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

#[test]
fn a_trace_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cell = ["--set", "file=4KiB"];
    for folder in ["trace", "trace-2", "trace-3"] {
        let mut command = lab(&[&["trace"][..], &cell].concat());
        let ended = command.current_dir(dir.path()).output().unwrap();
        assert!(ended.status.success(), "{}", stderr(&ended));
        for name in NAMES {
            assert!(
                dir.path().join(folder).join(name).is_file(),
                "{folder}/{name}"
            );
        }
    }
    let occupied = dir.path().join("occupied");
    fs::create_dir(&occupied).unwrap();
    fs::write(occupied.join("trace.jsonl"), "mine").unwrap();
    let refused = trace(&occupied, &cell);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--out"), "{}", stderr(&refused));
    assert_eq!(fs::read_dir(&occupied).unwrap().count(), 1);
    assert_eq!(fs::read(occupied.join("trace.jsonl")).unwrap(), b"mine");
}

#[test]
fn a_full_disk_is_an_error_that_says_where_the_files_are() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = lab(&[
        "trace",
        "--set",
        "file=4KiB",
        "--out",
        out.to_str().unwrap(),
    ]);
    let ended = command.stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let message = stderr(&ended);
    assert!(message.contains("No space left") && message.contains(out.to_str().unwrap()));
    assert!(NAMES.iter().all(|name| out.join(name).is_file()));
}
