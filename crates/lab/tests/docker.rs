//! The docker runner against a real engine: what it starts, and that nothing of it stays.
//!
//! `cargo test -p backroom-lab --test docker -- --ignored`, after `just image`: the image has to be of this commit.

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
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { process, out }
    }

    /// A lab whose containers are all there: it has said how many runs there will be.
    fn at_work(repetitions: u32) -> Self {
        let mut lab = Self::start(repetitions);
        let mut lines = BufReader::new(lab.process.stderr.take().unwrap()).lines();
        let first = lines.find(|line| line.as_ref().unwrap().starts_with("0 of"));
        assert!(first.is_some(), "the lab has ended before it began");
        // It must not die of a pipe that nobody reads.
        std::thread::spawn(move || lines.for_each(drop));
        lab
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
    assert_eq!(
        lab.column("ok"),
        ["true", "true"],
        "{:?}",
        lab.column("note")
    );
    assert_eq!(lab.column("shaper"), ["nfqueue", "nfqueue"]);
    for rtt in lab.column("rtt_measured_ms") {
        assert!(
            rtt.parse::<f64>().unwrap() >= 20.0,
            "{rtt} ms over two links of 10 ms"
        );
    }
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
    assert_eq!(
        lab.column("ok"),
        ["false", "true", "true"],
        "{:?}",
        lab.column("note")
    );
    assert!(
        lab.column("note")[0].contains("member-2"),
        "{:?}",
        lab.column("note")
    );
    assert_eq!(lab.things(), 0);
}
