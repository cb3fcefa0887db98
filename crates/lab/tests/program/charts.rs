//! Which charts a sweep draws: each along an axis that varies, and each that is missing is named.

use std::fs;
use std::path::Path;

use crate::{simulate, stderr};

const SMALL: [&str; 4] = ["--set", "file=32KiB", "--reps", "1"];

/// The names of the charts in `folder`, without extension.
fn charts(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names
        .filter_map(|name| Some(name.strip_suffix(".svg")?.to_owned()))
        .collect();
    names.sort();
    names
}

#[test]
fn a_sweep_with_one_window_is_drawn_against_the_axis_that_varies() {
    let dir = tempfile::tempdir().unwrap();
    let more = [&SMALL[..], &["--set", "window=10"]].concat();
    let output = simulate("window", dir.path(), &more);
    let expected = [
        "goodput-against-loss",
        "goodput-heatmap-against-loss",
        "retransmissions-against-loss",
        "seconds-boxes-against-loss",
        "segment-delay-boxes-against-loss",
    ];
    assert_eq!(charts(dir.path()), expected);
    assert!(
        !stderr(&output).contains("not drawn"),
        "{}",
        stderr(&output)
    );
    let svg = fs::read_to_string(dir.path().join("goodput-against-loss.svg")).unwrap();
    for word in ["window 10", "broadcast to 3 receivers", "loss"] {
        assert!(svg.contains(word), "{word}");
    }
}

#[test]
fn an_axis_that_no_chart_shows_is_better_than_no_chart() {
    let dir = tempfile::tempdir().unwrap();
    let one = [
        "--set",
        "window=10",
        "--set",
        "loss=0",
        "--set",
        "cast=unicast",
    ];
    let more = [&SMALL[..], &one, &["--set", "delay=1ms,5ms,20ms"]].concat();
    simulate("window", dir.path(), &more);
    assert!(charts(dir.path()).contains(&"goodput-against-delay".to_owned()));
}

#[test]
fn several_cells_at_one_place_of_the_axis_are_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let more = [&SMALL[..], &["--set", "window=10"]].concat();
    let output = simulate("report", dir.path(), &more);
    let expected = ["seconds-against-window", "seconds-boxes-against-window"];
    assert_eq!(charts(dir.path()), expected, "{}", stderr(&output));
}

#[test]
fn each_chart_that_is_not_drawn_is_named_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let one = ["--set", "loss=0", "--set", "cast=unicast"];
    for (window, reason) in [
        ("window=10", "it would have one point"),
        ("window=auto", "no value of window is a number"),
    ] {
        let out = dir.path().join(window);
        let more = [&SMALL[..], &one, &["--set", window]].concat();
        let said = stderr(&simulate("window", &out, &more));
        assert!(charts(&out).is_empty());
        let page = fs::read_to_string(out.join("report.html")).unwrap();
        for name in [
            "goodput-against-window",
            "goodput-heatmap-against-window",
            "retransmissions-against-window",
            "seconds-boxes-against-window",
            "segment-delay-boxes-against-window",
        ] {
            let expected = format!("the chart {name} is not drawn: {reason}");
            assert!(said.contains(&expected), "{expected}: {said}");
            assert!(page.contains(&expected), "{expected}");
        }
    }
}

#[test]
fn two_charts_with_the_same_name_are_both_drawn_and_the_same_chart_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.toml");
    let chart =
        |lines: &str| format!("[[charts]]\nshow = 'goodput'\nagainst = 'window'\n{lines}\n");
    let charts_of_file = [
        chart("lines = ['loss']"),
        chart("panels = 'loss'"),
        chart("lines = ['loss']"),
    ];
    let axes = "[axes]\nwindow = [5, 10]\nloss = [0, 0.01]\nfile = '32KiB'\n";
    let text = format!(
        "title = 'x'\nrepetitions = 1\n{axes}{}",
        charts_of_file.concat()
    );
    fs::write(&file, text).unwrap();
    let out = dir.path().join("out");
    let output = simulate(file.to_str().unwrap(), &out, &[]);
    assert_eq!(
        charts(&out),
        ["goodput-against-window", "goodput-against-window-2"]
    );
    let said = stderr(&output);
    assert!(
        said.contains("it is the same as an earlier chart"),
        "{said}"
    );
}
