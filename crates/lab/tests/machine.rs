//! Virtual time, with a script that answers as a worker would in place of `docker/netem-kernel`: what the lab makes of
//! the answers, and that no process stays. No machine and no engine is needed.

#![allow(clippy::unwrap_used)] // the helpers of a test may fail it

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use backroom_lab::record::RunRecord;
use backroom_lab::results::Rows;
use backroom_lab::runner::{ClockName, RunnerName, ShaperName};
use rustix::process::{Pid, Signal, kill_process};

/// `FAKE` is a folder of notes: which processes there are, and which runs each machine got. `MODE` is what it does with
/// a run.
const SCRIPT: &str = r#"
case " $* " in
  *" --cached "*) [ -e "$FAKE/saved" ]; exit ;;
  *" -- backroom-lab worker "*) ;;
  *) exit 2 ;;
esac
trap 'kill $(jobs -p); exit 143' TERM
touch "$FAKE/processes/$$"
while read -r line; do
  case "$line" in
    '{"open":'*)
      echo "{\"ready\":{\"version\":\"$VERSION\",\"engine\":\"Docker 1\",\"kernel\":\"6.12\",\"packets_per_second\":1000.0}}"
      continue ;;
  esac
  echo "$line" >>"$FAKE/runs/$$"
  case "$MODE" in
    share) until [ "$(ls "$FAKE/runs" | wc -l)" = 2 ]; do sleep 0.02; done ;;
    die-once) if mkdir "$FAKE/died" 2>/dev/null; then echo "no memory" >&2; exit 125; fi ;;
    die) echo "no memory" >&2; exit 125 ;;
    hang) sleep 1000 & touch "$FAKE/processes/$!" "$FAKE/hangs"; wait ;;
  esac
  echo '{"measured":{"seconds":1.25,"segments":437,"segments_sent":437,"segments_retransmitted":0,"segments_copied":0,"timeouts":0,"go_backs":0}}'
done
"#;
const DEADLINE: Duration = Duration::from_secs(60);

/// A folder with the script, its notes and the results.
struct Fake(tempfile::TempDir);

impl Fake {
    /// A script whose machine is saved.
    fn new() -> Self {
        let fake = Self(tempfile::tempdir().unwrap());
        fs::write(fake.path("script"), SCRIPT).unwrap();
        fs::write(fake.path("saved"), "").unwrap();
        fs::create_dir(fake.path("processes")).unwrap();
        fs::create_dir(fake.path("runs")).unwrap();
        fake
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// A lab that measures eight runs in virtual time.
    fn lab(&self, mode: &str, more: &[&str]) -> Command {
        let mut command = self.lab_without_folder(mode);
        command.arg("--out").arg(self.path("out")).args(more);
        command
    }

    /// The same with the default folder, in this folder.
    fn lab_without_folder(&self, mode: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backroom-lab"));
        command
            .args(["run", "window", "--set", "window=10,20", "--set", "loss=0"])
            .args([
                "--set",
                "cast=unicast",
                "--set",
                "file=64KiB",
                "--reps",
                "4",
            ])
            .args(["--clock", "virtual"])
            .current_dir(self.0.path())
            .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
            .env("BACKROOM_NETEM_KERNEL", self.path("script"))
            .env("FAKE", self.0.path())
            .env("MODE", mode)
            .env("VERSION", env!("CARGO_PKG_VERSION"));
        command
    }

    fn run(&self, mode: &str, more: &[&str]) -> Output {
        self.lab(mode, more).output().unwrap()
    }

    fn rows(&self) -> Vec<RunRecord> {
        Rows::parse(&fs::read(self.path("out/runs.csv")).unwrap())
            .unwrap()
            .records
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// Waits until no process of the script runs.
    fn assert_nothing_runs(&self) {
        let begin = Instant::now();
        while let Some(id) = self.names("processes").iter().find(|id| runs(id)) {
            assert!(begin.elapsed() < DEADLINE, "process {id} runs");
            thread::yield_now();
        }
    }
}

/// Whether there is a process with this id that is not a zombie.
fn runs(id: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(id).join("stat"));
    let stat = stat.unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn machines_share_the_plan_and_their_rows_say_virtual() {
    let fake = Fake::new();
    let output = fake.run("share", &["--machines", "2"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("in virtual time"),
        "{}",
        stderr(&output)
    );
    let rows = fake.rows();
    assert_eq!(rows.len(), 8);
    for row in &rows {
        let kind = (row.runner, row.shaper, row.clock);
        assert_eq!(
            kind,
            (RunnerName::Docker, ShaperName::Netem, ClockName::Virtual)
        );
        assert_eq!((row.ok, row.seconds), (true, Some(1.25)), "{row:?}");
        assert!(row.command.contains(" --clock virtual "), "{}", row.command);
    }
    let machines = fake.names("runs");
    assert_eq!(machines.len(), 2);
    let lines = |machine: &String| {
        let text = fs::read_to_string(fake.path("runs").join(machine)).unwrap();
        text.lines().count()
    };
    assert_eq!(machines.iter().map(lines).sum::<usize>(), 8);
    assert!(fake.path("out/sim/runs.csv").exists());

    let manifest = fs::read_to_string(fake.path("out/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["clock"], "virtual");
    assert_eq!(manifest["machines"], 2);
    assert_eq!(manifest["engine"], "Docker 1 on Linux 6.12 in QEMU");
    assert_eq!(manifest["packets_per_second"], 1000.0);
    let toml = manifest["scenario"]["toml"].as_str().unwrap();
    assert!(toml.contains("clock = \"virtual\""), "{toml}");
    fake.assert_nothing_runs();

    let again = fake.run("", &["--resume"]);
    assert!(
        stderr(&again).contains("resuming after 8 runs"),
        "{}",
        stderr(&again)
    );
}

#[test]
fn a_machine_that_dies_is_replaced() {
    let fake = Fake::new();
    let output = fake.run("die-once", &["--machines", "1"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let rows = fake.rows();
    assert_eq!(rows.len(), 8);
    assert!(
        !rows[0].ok && rows[0].note.contains("no memory"),
        "{}",
        rows[0].note
    );
    assert!(rows[1..].iter().all(|row| row.ok));
    assert_eq!(fake.names("runs").len(), 2);
    fake.assert_nothing_runs();
}

#[test]
fn machines_that_always_die_end_the_sweep() {
    let fake = Fake::new();
    let output = fake.run("die", &["--machines", "1"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("3 machines failed in a row") && said.contains("no memory"),
        "{said}"
    );
    fake.assert_nothing_runs();
}

#[test]
fn another_version_in_the_image_names_the_remedy() {
    let fake = Fake::new();
    let output = fake.lab("", &[]).env("VERSION", "0.0.1").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("version 0.0.1") && said.contains("just image"),
        "{said}"
    );
    fake.assert_nothing_runs();
}

#[test]
fn without_a_saved_machine_an_engine_is_needed() {
    let fake = Fake::new();
    fs::remove_file(fake.path("saved")).unwrap();
    let output = fake.run("", &[]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("--clock virtual") && said.contains("Docker engine"),
        "{said}"
    );
    assert!(!fake.path("out").exists());
}

#[test]
fn nothing_stays_after_an_interruption_or_a_kill() {
    for (signal, code) in [
        (Signal::INT, Some(130)),
        (Signal::TERM, Some(130)),
        (Signal::KILL, None),
    ] {
        let fake = Fake::new();
        let mut lab = fake
            .lab("hang", &["--machines", "2"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        // Both machines, and what each of them waits for.
        while fake.names("processes").len() < 4 {
            assert!(begin.elapsed() < DEADLINE, "the machines got no runs");
            assert!(lab.try_wait().unwrap().is_none(), "the lab has ended");
            thread::yield_now();
        }
        kill_process(Pid::from_child(&lab), signal).unwrap();
        assert_eq!(lab.wait().unwrap().code(), code);
        fake.assert_nothing_runs();
    }
}

#[test]
fn the_simulators_results_are_published_beside_those_of_the_containers() {
    let fake = Fake::new();
    let folders = [
        ("results/window/docker-netem", "results/window/sim", None),
        ("out", "out/sim", Some("out")),
    ];
    for (measured, simulated, out) in folders {
        for seed in ["1", "2"] {
            let mut command = fake.lab_without_folder("");
            command.args(["--publish", "--seed", seed]);
            if let Some(out) = out {
                command.args(["--out", out]);
            }
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", stderr(&output));
            for (folder, runner) in [(measured, "docker"), (simulated, "sim")] {
                let text = fs::read(fake.path(folder).join("runs.csv")).unwrap();
                let first = Rows::parse(&text).unwrap().records.remove(0);
                let found = (first.runner.to_string(), first.seed.to_string());
                assert_eq!(found, (runner.to_owned(), seed.to_owned()), "{folder}");
            }
            let partial = fake.path(&format!("{measured}.partial"));
            assert!(!partial.exists(), "{}", partial.display());
        }
    }
    assert!(!fake.path("results/window/docker-netem/sim").exists());
    assert!(!fake.path("results/local").exists());
}

#[test]
fn what_does_not_go_with_the_clock_is_refused() {
    for (arguments, reason) in [
        (
            ["run", "window", "--runner", "sim", "--clock", "real"],
            "requires --runner docker",
        ),
        (
            ["run", "peers", "--only", "three", "--clock", "virtual"],
            "--clock virtual",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_backroom-lab"))
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
    }
}
