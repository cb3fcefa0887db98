//! The docker runner against a real engine: what it starts, and that nothing of it stays.
//!
//! `cargo test -p backroom-lab --test docker -- --ignored --test-threads=1`, since one would disturb the others, after `just image`: the image has to be of this commit.

#![allow(clippy::unwrap_used)] // the helpers of a test may fail it

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(120);

/// A lab that measures a broadcast in containers, window 1, so that a run takes two seconds.
struct Lab {
    process: Child,
    out: tempfile::TempDir,
}

impl Lab {
    fn start(repetitions: u32) -> Self {
        Self::start_with(repetitions, &["--jobs", "1"])
    }

    fn start_with(repetitions: u32, more: &[&str]) -> Self {
        let out = tempfile::tempdir().unwrap();
        let repetitions = repetitions.to_string();
        let process = Command::new(env!("CARGO_BIN_EXE_backroom-lab"))
            .args(["run", "window", "--runner", "docker", "--shaper", "nfqueue"])
            .args([
                "--set",
                "window=1",
                "--set",
                "loss=0",
                "--set",
                "cast=broadcast",
            ])
            .args(["--set", "file=96KiB", "--reps", &repetitions, "--out"])
            .arg(out.path())
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { process, out }
    }

    /// A lab whose first room is there: it has said how many runs there will be.
    fn at_work(repetitions: u32) -> Self {
        Self::start(repetitions).at_work_now()
    }

    fn at_work_now(mut self) -> Self {
        let lab = &mut self;
        let mut lines = BufReader::new(lab.process.stderr.take().unwrap()).lines();
        let first = lines.find(|line| line.as_ref().unwrap().starts_with("0 of"));
        assert!(first.is_some(), "the lab has ended before it began");
        // It must not die of a pipe that nobody reads.
        std::thread::spawn(move || lines.for_each(drop));
        self
    }

    /// How many containers and networks of this lab's there are.
    fn things(&self) -> usize {
        things(self.process.id())
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < DEADLINE, "the lab does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Column `name` of all rows.
    fn column(&self, name: &str) -> Vec<String> {
        column(&self.out.path().join("runs.csv"), name)
    }

    /// Whether each row's transfer came to its end. On a busy machine the gate may refuse it all the same.
    fn ended(&self) -> Vec<bool> {
        let seconds = self.column("seconds");
        seconds.iter().map(|seconds| !seconds.is_empty()).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn things(pid: u32) -> usize {
    let filter = format!("label=backroom-lab.pid={pid}");
    let list = |arguments: &[&str]| {
        let output = Command::new("docker")
            .args(arguments)
            .args(["-q", "--filter", &filter])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().lines().count()
    };
    list(&["ps", "-a"]) + list(&["network", "ls"])
}

fn column(runs: &Path, name: &str) -> Vec<String> {
    let mut rows = csv::Reader::from_path(runs).unwrap();
    let place = rows
        .headers()
        .unwrap()
        .iter()
        .position(|column| column == name)
        .unwrap();
    rows.records()
        .map(|row| row.unwrap()[place].to_owned())
        .collect()
}

#[test]
#[ignore = "needs a Docker engine and the image of this commit"]
fn a_sweep_measures_real_transfers_and_leaves_nothing() {
    let mut lab = Lab::at_work(2);
    // The server, four members, four shapers and a network.
    assert_eq!(lab.things(), 10);
    assert!(lab.wait().success());
    assert_eq!(lab.things(), 0);
    assert_eq!(lab.ended(), [true, true], "{:?}", lab.column("note"));
    assert_eq!(lab.column("shaper"), ["nfqueue", "nfqueue"]);
    for verdict in lab.column("gate") {
        assert!(["pass", "fail"].contains(&verdict.as_str()), "{verdict}");
    }
    for rtt in lab.column("rtt_measured_ms") {
        assert!(
            rtt.parse::<f64>().unwrap() >= 20.0,
            "{rtt} ms over two links of 10 ms"
        );
    }
}

#[test]
#[ignore = "needs a Docker engine and the image of this commit"]
fn several_rooms_share_a_sweep_and_each_is_removed() {
    let mut lab = Lab::start_with(6, &["--jobs", "2"]).at_work_now();
    assert!(lab.wait().success());
    assert_eq!(lab.things(), 0);
    assert_eq!(lab.column("repetition"), ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(lab.ended(), [true; 6], "{:?}", lab.column("note"));
    let manifest = std::fs::read_to_string(lab.out.path().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert!(manifest["packets_per_second"].as_f64().unwrap() > 500.0);

    let mut lab = Lab::start_with(100, &["--jobs", "2"]).at_work_now();
    lab.signal("-INT");
    assert_eq!(lab.wait().code(), Some(130));
    assert_eq!(lab.things(), 0);
}

#[test]
#[ignore = "needs a Docker engine and the image of this commit"]
fn an_interrupted_lab_leaves_nothing_and_keeps_its_rows() {
    for signal in ["-INT", "-TERM"] {
        let mut lab = Lab::at_work(100);
        lab.signal(signal);
        assert_eq!(lab.wait().code(), Some(130), "{signal}");
        assert_eq!(lab.things(), 0, "{signal}");
        assert!(lab.out.path().join("runs.csv").exists());
    }
}

#[test]
#[ignore = "needs a Docker engine and the image of this commit"]
fn what_a_killed_lab_left_is_removed_by_the_next_and_a_lab_at_work_is_let_alone() {
    let mut killed = Lab::at_work(100);
    killed.signal("-KILL");
    killed.wait();
    assert_eq!(killed.things(), 10);
    let beside = Lab::at_work(100);
    let mut next = Lab::start(1);
    assert!(next.wait().success());
    assert_eq!((killed.things(), next.things()), (0, 0));
    assert_eq!(beside.things(), 10);
    let mut beside = beside;
    beside.signal("-INT");
    beside.wait();
    assert_eq!(beside.things(), 0);
}

#[test]
#[ignore = "needs a Docker engine and the image of this commit"]
fn a_member_that_dies_spoils_its_run_and_no_other() {
    let mut lab = Lab::at_work(3);
    let filter = format!("label=backroom-lab.pid={}", lab.process.id());
    let listed = Command::new("docker")
        .args([
            "ps",
            "--no-trunc",
            "--format",
            "{{.ID}} {{.Command}}",
            "--filter",
            &filter,
        ])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let member = listed
        .lines()
        .find(|line| line.contains("backroom-client") && line.contains("member-2"))
        .unwrap();
    let id = member.split_whitespace().next().unwrap();
    assert!(
        Command::new("docker")
            .args(["kill", id])
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    assert!(lab.wait().success());
    assert_eq!(lab.ended(), [false, true, true], "{:?}", lab.column("note"));
    // It may have died before the file was offered to it.
    let notes = lab.column("note");
    let died = |why: &str| notes[0].contains(why);
    assert!(
        died("member-2") || died("2 receivers instead of 3"),
        "{notes:?}"
    );
    assert_eq!(lab.things(), 0);
}
