//! What was measured can be measured again: a sweep that was killed goes on, and each row names the command that
//! repeats it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use backroom_lab::record::RunRecord;

use crate::{lab, output, rows, simulate, stderr};

const SMALL: [&str; 10] = [
    "--set",
    "window=10,50",
    "--set",
    "loss=0,0.02",
    "--set",
    "cast=unicast,broadcast",
    "--set",
    "file=64KiB",
    "--reps",
    "4",
];

fn text(out: &Path) -> Vec<u8> {
    fs::read(out.join("runs.csv")).unwrap()
}

#[test]
fn any_number_of_simulators_writes_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let with = |jobs: &str| {
        let out = dir.path().join(jobs);
        let more = ["--jobs", jobs, "--until-ci", "5%"];
        simulate("window", &out, &[&SMALL[..], &more].concat());
        text(&out)
    };
    let one = with("1");
    assert!(one == with("2"));
    assert!(one == with("7"));
}

#[test]
fn a_sweep_that_was_killed_goes_on_to_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, killed) = (dir.path().join("whole"), dir.path().join("killed"));
    let settings = ["--set", "file=256KiB", "--reps", "10", "--jobs", "2"];
    simulate("window", &whole, &settings);

    let fixed = ["run", "window", "--runner", "sim", "--out"];
    let out = [killed.to_str().unwrap()];
    let mut child = lab(&[&fixed[..], &out, &settings].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    lines.find(|line| line.starts_with("0 of ")).unwrap();
    // Some rows are there, and others are not.
    while fs::metadata(killed.join("runs.csv")).unwrap().len() < 10_000 {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // As if it had been in the middle of a row.
    let mut torn = text(&killed);
    assert!(text(&whole).starts_with(&torn) && torn.len() < text(&whole).len());
    torn.truncate(torn.len() - 7);
    fs::write(killed.join("runs.csv"), torn).unwrap();

    let resumed = simulate("window", &killed, &[&settings[..], &["--resume"]].concat());
    assert!(text(&killed) == text(&whole));
    let said = stderr(&resumed);
    assert!(
        said.contains("resuming after ") && !said.contains("resuming after 0 "),
        "{said}"
    );
    let again = simulate("window", &killed, &[&settings[..], &["--resume"]].concat());
    assert!(
        stderr(&again).contains("resuming after 720 runs"),
        "{}",
        stderr(&again)
    );
    assert!(text(&killed) == text(&whole));
}

#[test]
fn a_sweep_does_not_go_on_in_the_folder_of_another() {
    let dir = tempfile::tempdir().unwrap();
    simulate("window", dir.path(), &SMALL);
    let before = text(dir.path());
    let others: [(&str, &[&str], &str); 5] = [
        ("loss", &[], "scenario is window, not loss"),
        ("window", &["--seed", "9"], "seed is 1, not 9"),
        ("window", &["--reps", "5"], "repetitions is 4, not 5"),
        (
            "window",
            &["--set", "window=10"],
            "window is [\"10\",\"50\"], not [\"10\"]",
        ),
        (
            "window",
            &["--until-ci", "5%"],
            "--until-ci is none, not 0.05",
        ),
    ];
    for (scenario, more, reason) in others {
        let out = ["--out", dir.path().to_str().unwrap(), "--resume"];
        let mut settings = SMALL.to_vec();
        if more.first() == Some(&"--reps") {
            settings.truncate(8);
        }
        let fixed = ["run", scenario, "--runner", "sim"];
        let output = output(&[&fixed[..], &settings, more, &out].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
        assert!(text(dir.path()) == before);
    }
}

#[test]
fn a_sweep_does_not_go_on_with_another_clock() {
    let dir = tempfile::tempdir().unwrap();
    simulate("window", dir.path(), &SMALL);
    let manifest = dir.path().join("manifest.json");
    let told = fs::read_to_string(&manifest).unwrap();
    let mut told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["clock"], "virtual");
    assert!(told["machines"].is_null());
    told["clock"] = "real".into();
    fs::write(manifest, told.to_string()).unwrap();
    let out = ["--out", dir.path().to_str().unwrap(), "--resume"];
    let output = output(&[&["run", "window", "--runner", "sim"][..], &SMALL, &out].concat());
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("its clock is real, not virtual"),
        "{}",
        stderr(&output)
    );
}

/// Rows and manifest of a folder as they were before there were copies, the last rows missing.
fn before_copies(folder: &Path, rows: usize) {
    let runs = text(folder);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(runs.as_slice());
    let mut older = csv::Writer::from_path(folder.join("runs.csv")).unwrap();
    for row in reader.records().take(1 + rows) {
        let row = row.unwrap();
        older.write_record(row.iter().take(row.len() - 4)).unwrap();
    }
    older.flush().unwrap();
    let manifest = folder.join("manifest.json");
    let told = fs::read_to_string(&manifest).unwrap();
    let mut told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let axes = told["scenario"]["axes"].as_object_mut().unwrap();
    assert!(axes.remove("copies").is_some());
    assert!(told.as_object_mut().unwrap().remove("clock").is_some());
    fs::write(manifest, told.to_string()).unwrap();
}

#[test]
fn a_sweep_from_before_there_were_copies_is_read_and_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let (older, gone_on) = (dir.path().join("older"), dir.path().join("gone on"));
    for folder in [&whole, &older, &gone_on] {
        simulate("window", folder, &SMALL);
    }
    before_copies(&older, usize::MAX - 1);
    before_copies(&gone_on, 5);
    let report = output(&["report", older.to_str().unwrap()]);
    assert!(report.status.success(), "{}", stderr(&report));
    let [one, other] = [&whole, &older].map(|folder| folder.to_str().unwrap());
    let compared = output(&["compare", one, other]);
    assert!(compared.status.success(), "{}", stderr(&compared));
    let resumed = simulate("window", &gone_on, &[&SMALL[..], &["--resume"]].concat());
    assert!(
        stderr(&resumed).contains("resuming after 5 runs"),
        "{}",
        stderr(&resumed)
    );
    assert!(text(&gone_on) == text(&whole));
    let out = [
        "--out",
        older.to_str().unwrap(),
        "--resume",
        "--set",
        "copies=2",
    ];
    let two = output(&[&["run", "window", "--runner", "sim"][..], &SMALL, &out].concat());
    assert!(
        stderr(&two).contains(r#"copies is ["1"], not ["2"]"#),
        "{}",
        stderr(&two)
    );
}

#[test]
fn rows_without_a_manifest_are_not_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    simulate("window", dir.path(), &SMALL);
    fs::remove_file(dir.path().join("manifest.json")).unwrap();
    let out = ["--out", dir.path().to_str().unwrap(), "--resume"];
    let output = output(&[&["run", "window", "--runner", "sim"][..], &SMALL, &out].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("no manifest.json"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_sweep_does_not_go_on_after_the_rows_of_another() {
    let dir = tempfile::tempdir().unwrap();
    simulate("window", dir.path(), &SMALL);
    let rows = String::from_utf8(text(dir.path())).unwrap();
    let altered = rows.replace(",unicast,", ",broadcast,");
    fs::write(dir.path().join("runs.csv"), &altered).unwrap();
    let out = ["--out", dir.path().to_str().unwrap(), "--resume"];
    let output = output(&[&["run", "window", "--runner", "sim"][..], &SMALL, &out].concat());
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("belongs to another sweep"));
    assert!(text(dir.path()) == altered.into_bytes());
}

#[test]
fn each_row_names_the_command_that_repeats_it() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = dir.path().join("it's mine.toml");
    let axes = "cast = ['unicast', 'multicast']\ndelivery = ['parallel', 'ip-multicast']\nqueue = ['20', 'unlimited']\n\
                timeout = ['adaptive', '150ms']\nrate = ['1500kbit', 'unlimited']\nburst = ['random', '2.5']\n\
                loss_side = 'receivers'\njitter = '250us'\nfile = '40000'\nloss = 0.03";
    let content = format!("title = 'x'\nrepetitions = 2\nseed = 5\n[axes]\n{axes}");
    fs::write(&scenario, content).unwrap();
    let swept = dir.path().join("swept");
    simulate(
        scenario.to_str().unwrap(),
        &swept,
        &["--set", "segment=700"],
    );
    let before = text(&swept);
    // Every seventh tells enough.
    for (row, number) in rows(&swept).into_iter().step_by(7).zip(1..) {
        let program = env!("CARGO_BIN_EXE_backroom-lab");
        let command = row.command.strip_prefix("backroom-lab").unwrap();
        let status = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("'{program}'{command}"))
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{}", row.command);
        let name = match number {
            1 => "sim".to_owned(),
            number => format!("sim-{number}"),
        };
        let out = dir.path().join("results/local/it's mine").join(name);
        let again = rows(&out);
        assert_eq!(again.len(), 1, "{}", row.command);
        let expected = RunRecord {
            repetition: 1,
            order: 1,
            ..row.clone()
        };
        let again = RunRecord {
            command: row.command,
            ..again[0].clone()
        };
        assert_eq!(again, expected);
    }
    assert!(text(&swept) == before);
}

#[test]
fn the_order_of_the_runs_is_shuffled_and_recorded() {
    let dir = tempfile::tempdir().unwrap();
    simulate("window", dir.path(), &SMALL);
    let rows = rows(dir.path());
    let orders: Vec<_> = rows.iter().map(|row| row.order as usize).collect();
    assert_eq!(orders, (1..=rows.len()).collect::<Vec<_>>());
    let repetitions: Vec<_> = rows.iter().map(|row| row.repetition).collect();
    assert!(repetitions.is_sorted());
    let windows = |repetition| -> Vec<_> {
        let of = rows.iter().filter(|row| row.repetition == repetition);
        of.map(|row| row.cell.window).collect()
    };
    assert!(!windows(1).is_sorted());
    assert_ne!(windows(1), windows(2));
}
