//! A sweep writes a row for each run of its plan, what the rows come to, and pictures of it.

use std::collections::HashMap;
use std::fs;

use backroom_lab::plan::Plan;
use backroom_lab::runner::RunnerName;
use backroom_lab::scenario::Scenario;

use crate::{output, rows, simulate, stderr, stdout};

const SMALL: [&str; 8] = [
    "--set",
    "window=10,20",
    "--set",
    "loss=0,0.01",
    "--set",
    "file=64KiB",
    "--reps",
    "2",
];

/// The columns that the project promises, in this order.
const COLUMNS: &str = "scenario,runner,shaper,cast,delivery,receivers,window,recovery,timeout_ms,rate_mbps,delay_ms,loss,\
                       file_bytes,segment_bytes,seed,repetition,seconds,goodput_mbps,segments,segments_sent,\
                       segments_retransmitted,timeouts,loss_measured,rtt_measured_ms,ok,note";

#[test]
fn there_is_a_row_for_each_run_of_the_plan() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = "title = 'x'\nrepetitions = 2\n[axes]\ncast = ['unicast', 'broadcast']\nwindow = [5, 10]\n\
                    loss = [0, 0.02]\nfile = '32KiB'\ndelivery = ['parallel', 'sequential', 'ip-multicast']";
    let file = dir.path().join("mine.toml");
    fs::write(&file, scenario).unwrap();
    let out = dir.path().join("out");
    simulate(file.to_str().unwrap(), &out, &[]);

    let plan = Plan::new(&Scenario::parse("mine", scenario).unwrap()).unwrap();
    let planned: Vec<_> = plan
        .runs
        .iter()
        .map(|run| {
            let cell = &run.cell;
            let names = (cell.cast, cell.delivery);
            let numbers = (cell.window, cell.loss, run.seed, run.repetition);
            (names, numbers)
        })
        .collect();
    let written: Vec<_> = rows(&out)
        .into_iter()
        .map(|row| {
            let cell = &row.cell;
            let names = (cell.cast, cell.delivery);
            let numbers = (cell.window, cell.loss, row.seed, row.repetition);
            (names, numbers)
        })
        .collect();
    assert_eq!(planned.len(), (1 + 3) * 2 * 2 * 2);
    assert_eq!(written, planned);
}

#[test]
fn the_columns_are_the_promised_ones() {
    let dir = tempfile::tempdir().unwrap();
    simulate("window", dir.path(), &SMALL);
    let text = fs::read_to_string(dir.path().join("runs.csv")).unwrap();
    let header = text.lines().next().unwrap();
    assert!(header.starts_with(&format!("{COLUMNS},")), "{header}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, seed: &str| {
        let out = dir.path().join(name);
        simulate("window", &out, &[&SMALL[..], &["--seed", seed]].concat());
        fs::read(out.join("runs.csv")).unwrap()
    };
    let first = run("first", "7");
    assert!(first == run("again", "7"));
    assert!(first != run("other", "8"));
}

#[test]
fn window_20_takes_half_the_time_of_window_10() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        "--set",
        "window=10,20",
        "--set",
        "loss=0",
        "--set",
        "cast=unicast",
        "--reps",
        "1",
    ];
    simulate("window", dir.path(), &settings);
    let goodput: HashMap<_, _> = rows(dir.path())
        .into_iter()
        .map(|row| (row.cell.window.to_string(), row.goodput_mbps.unwrap()))
        .collect();
    let ratio = goodput["20"] / goodput["10"];
    assert!((ratio - 2.0).abs() < 0.06, "{ratio}");
}

#[test]
fn every_run_succeeds_and_measures_the_network_it_was_given() {
    let dir = tempfile::tempdir().unwrap();
    simulate(
        "window",
        dir.path(),
        &["--set", "window=20", "--set", "loss=0,0.05", "--reps", "3"],
    );
    for row in rows(dir.path()) {
        assert!(row.ok, "{row:?}");
        // The last segment of a file is short, and so is its round trip.
        let least = 20.0 + (65.0 + 82.0) * 8.0 / 10_000.0;
        let greatest = 20.0 + 3.0 * 20.0 * 1_265.0 * 8.0 / 10_000.0;
        let measured = row.rtt_measured_ms.unwrap();
        assert!((least..greatest).contains(&measured), "{row:?}");
        let loss = row.loss_measured.unwrap();
        assert!((loss - row.cell.loss).abs() <= 0.02, "{row:?}");
        assert_eq!(row.queue_drops, Some(0));
        assert!(row.segments_sent >= row.segments);
        assert_eq!(row.segments_retransmitted, row.segments_sent - row.segments);
    }
}

#[test]
fn beside_the_rows_stand_summary_manifest_and_charts() {
    let dir = tempfile::tempdir().unwrap();
    let output = simulate("window", dir.path(), &SMALL);
    let mut summary = csv::Reader::from_path(dir.path().join("summary.csv")).unwrap();
    assert_eq!(summary.records().count(), 3 * 2 * 2);

    let manifest = fs::read_to_string(dir.path().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["runs"], manifest["planned"]);
    assert_eq!(manifest["runner"], "sim");
    assert_eq!(
        manifest["scenario"]["axes"]["window"],
        serde_json::json!(["10", "20"])
    );
    let again = Scenario::parse("window", manifest["scenario"]["toml"].as_str().unwrap()).unwrap();
    assert_eq!(again.repetitions, 2);

    let svg = fs::read_to_string(dir.path().join("goodput-against-window.svg")).unwrap();
    for word in [
        "window (segments)",
        "goodput (Mbit/s)",
        "no loss",
        "1 % loss",
        "broadcast to 3 receivers",
    ] {
        assert!(svg.contains(word), "the chart does not say {word:?}");
    }
    let png = fs::read(dir.path().join("goodput-against-window.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG"));
    assert!(stdout(&output).contains("goodput-against-window.svg"));
}

#[test]
fn a_transfer_that_can_not_end_is_a_row_that_says_why_and_no_success() {
    let dir = tempfile::tempdir().unwrap();
    let hopeless = ["timeout=1ms", "window=200", "rate=64kbit", "cast=unicast"];
    let more = ["recovery=timeout", "loss=0"];
    let settings = [&hopeless[..], &more].concat();
    let set = settings.iter().flat_map(|setting| ["--set", setting]);
    let out = dir.path().to_str().unwrap();
    let fixed = [
        "run", "window", "--runner", "sim", "--reps", "1", "--out", out,
    ];
    let output = output(&fixed.into_iter().chain(set).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("none of the 1 runs succeeded"), "{said}");
    let rows = rows(dir.path());
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].ok);
    let note = &rows[0].note;
    assert!(note.contains("timer is shorter"), "{note}");
    assert!(said.contains(note), "{said}");
    assert_eq!(rows[0].seconds, None);
}

#[test]
fn without_an_engine_auto_simulates_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let output = output(&[&["run", "window", "--out", out][..], &SMALL].concat());
    assert!(output.status.success());
    let said = stderr(&output);
    assert!(said.starts_with("using the simulator, because "), "{said}");
    assert!(
        rows(dir.path())
            .iter()
            .all(|row| row.runner == RunnerName::Sim)
    );
}
