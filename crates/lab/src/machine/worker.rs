//! The worker in a virtual machine, `backroom-lab worker`: carries out the runs that the lab outside asks for, in
//! containers of the machine's own engine.
//!
//! With `--room`, it opens a room before the machine is saved, and then waits at a socket. When a machine is started from
//! there, `--attach` connects the lab with it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use backroom_provenance::Host;
use tokio_util::sync::CancellationToken;

use super::protocol::{Answer, Opening, Ready, Request, read_line};
use crate::docker::{self, DockerBackend, RoomSize};
use crate::plan::Plan;
use crate::runner::{Backend, ClockName, RunnerOptions, Runners};

/// Time limit for a test of the shapers, by the machine's clock.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// The command that starts a worker without a room.
pub(super) const WORKER: [&str; 2] = ["backroom-lab", "worker"];
/// The command that connects with a worker whose room is open.
pub(super) const ATTACH: [&str; 3] = ["backroom-lab", "worker", "--attach"];
/// Where a worker whose room is open waits.
pub(super) const SOCKET: &str = "/run/backroom-worker";

/// Options of a worker.
#[derive(Debug, clap::Args)]
pub(crate) struct WorkerArgs {
    /// Open this room, then wait at a socket
    #[arg(long, value_name = "JSON")]
    room: Option<String>,
    /// Connect stdin and stdout with the worker whose room is open
    #[arg(long, conflicts_with = "room")]
    attach: bool,
}

/// Answers requests from stdin on stdout until stdin ends. Then removes the room.
///
/// # Errors
/// If stdin cannot be read or stdout cannot be written, or if there is no room or no worker.
pub(crate) fn run(arguments: &WorkerArgs) -> anyhow::Result<()> {
    if arguments.attach {
        return attach();
    }
    let (backend, mut room) = (&DockerBackend, None);
    let Some(opening) = &arguments.room else {
        return serve(backend, &mut room, io::stdin().lock(), io::stdout().lock());
    };
    let opening = serde_json::from_str(opening).context("the worker does not know this room")?;
    open(backend, &mut room, &opening)?;
    let listener = UnixListener::bind(SOCKET).with_context(|| format!("cannot open {SOCKET}"))?;
    let (stream, _) = listener.accept()?;
    serve(backend, &mut room, BufReader::new(&stream), &stream)
}

fn attach() -> anyhow::Result<()> {
    let stream = UnixStream::connect(SOCKET).context("no room is open in this machine")?;
    let requests = stream.try_clone()?;
    // It ends with this process, because stdin may stay open.
    thread::spawn(move || {
        if let Err(error) = forward(io::stdin().lock(), &requests) {
            tracing::warn!("cannot pass requests on: {error}");
        }
        // So that the worker ends, and this process with it.
        let _ = requests.shutdown(Shutdown::Write);
    });
    forward(BufReader::new(&stream), io::stdout().lock())?;
    Ok(())
}

/// Writes each line as soon as it is read.
fn forward(mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    while let Some(line) = read_line(&mut input)? {
        output.write_all((line + "\n").as_bytes())?;
        output.flush()?;
    }
    Ok(())
}

/// An open room, and the plan whose runs are carried out in it.
struct Room {
    size: RoomSize,
    runners: Runners,
    plan: Plan,
    ready: Ready,
}

fn serve(
    backend: &dyn Backend,
    room: &mut Option<Room>,
    mut requests: impl BufRead,
    mut answers: impl Write,
) -> anyhow::Result<()> {
    while let Some(line) = read_line(&mut requests).context("cannot read a request")? {
        let answered = answer(backend, room, &line);
        let failed = answered.is_err();
        let answer = answered.unwrap_or_else(|error| Answer::Error {
            message: format!("{error:#}"),
        });
        let text = serde_json::to_string(&answer)? + "\n";
        answers.write_all(text.as_bytes())?;
        answers.flush()?;
        if failed {
            break;
        }
    }
    Ok(())
}

fn answer(backend: &dyn Backend, room: &mut Option<Room>, line: &str) -> anyhow::Result<Answer> {
    match serde_json::from_str(line).context("the worker does not know this request")? {
        Request::Open(opening) => Ok(Answer::Ready(open(backend, room, &opening)?)),
        Request::Run(numbers) => {
            let Some(room) = room else {
                bail!("a run came before its plan");
            };
            let run = numbers
                .run(&room.plan)
                .context("the plan has no such run")?;
            let measured = room.runners.workers[0].run(&run)?;
            Ok(Answer::Measured(Box::new(measured)))
        }
        Request::Probe { image } => docker::probe_engine(&image, PROBE_TIMEOUT)
            .map(Answer::Support)
            .map_err(|why| anyhow!(why)),
    }
}

/// Opens a room, or keeps the open one if it holds the plan.
fn open(
    backend: &dyn Backend,
    room: &mut Option<Room>,
    opening: &Opening,
) -> anyhow::Result<Ready> {
    let plan = Plan::new(&opening.scenario()?)?;
    if plan.cells.len() != opening.cells {
        bail!(
            "the worker expands the scenario to {} cells, not {}",
            plan.cells.len(),
            opening.cells
        );
    }
    let size = RoomSize::of(&plan);
    if let Some(room) = room {
        if !room.size.holds(size) {
            bail!("the room that is open is too small for the plan");
        }
        room.plan = plan;
        return Ok(room.ready.clone());
    }
    let options = RunnerOptions {
        shaper: Some(opening.shaper),
        clock: Some(ClockName::Real),
        jobs: Some(1),
        ..RunnerOptions::new(&opening.image)
    };
    let runners = backend.start(&plan, &options, &CancellationToken::new())?;
    let engine = runners.engine.clone();
    let ready = Ready {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        packets_per_second: engine.as_ref().and_then(|engine| engine.packets_per_second),
        engine: engine.map_or_else(String::new, |engine| engine.version),
        kernel: Host::this().kernel,
    };
    *room = Some(Room {
        size,
        runners,
        plan,
        ready: ready.clone(),
    });
    Ok(ready)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::protocol::RunNumbers;
    use crate::runner::Shaper;
    use crate::scenario::Scenario;
    use crate::sim::{Simulator, observe};

    fn plan() -> Plan {
        let text =
            "title = 'x'\nrepetitions = 2\n[axes]\nwindow = [1, 20]\nloss = 0.01\nfile = '64KiB'";
        Plan::new(&Scenario::parse("test", text).unwrap()).unwrap()
    }

    fn opening(plan: &Plan) -> Opening {
        Opening::new(plan, &RunnerOptions::new("image"), Shaper::Netem)
    }

    fn answers(requests: &[Request]) -> Vec<Answer> {
        let lines = requests
            .iter()
            .map(|request| serde_json::to_string(request).unwrap() + "\n");
        let mut written = Vec::new();
        serve(
            &Simulator,
            &mut None,
            lines.collect::<String>().as_bytes(),
            &mut written,
        )
        .unwrap();
        let text = String::from_utf8(written).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_worker_measures_exactly_what_the_lab_would() {
        let plan = plan();
        let mut requests = vec![Request::Open(Box::new(opening(&plan)))];
        requests.extend(
            plan.runs
                .iter()
                .map(|run| Request::Run(RunNumbers::of(run))),
        );
        let mut answers = answers(&requests).into_iter();
        assert!(
            matches!(answers.next(), Some(Answer::Ready(ready)) if ready.version == env!("CARGO_PKG_VERSION"))
        );
        for run in &plan.runs {
            let expected = observe(run, |_| {}, &CancellationToken::new()).unwrap();
            assert_eq!(answers.next(), Some(Answer::Measured(Box::new(expected))));
        }
        assert_eq!(answers.next(), None);
    }

    #[test]
    fn an_open_room_is_kept_for_plans_that_it_holds() {
        let text = "title = 'x'\nrepetitions = 1\n[axes]\nreceivers = 3\ncast = 'broadcast'";
        let large = Plan::new(&Scenario::parse("large", text).unwrap()).unwrap();
        let open = |plan| Request::Open(Box::new(opening(plan)));
        let small = plan();
        let run = Request::Run(RunNumbers::of(&small.runs[3]));
        let answered = answers(&[open(&large), open(&small), run.clone(), open(&large)]);
        let [
            Answer::Ready(first),
            Answer::Ready(second),
            Answer::Measured(_),
            Answer::Ready(_),
        ] = &answered[..]
        else {
            panic!("{answered:?}");
        };
        assert_eq!(first, second);
        let answered = answers(&[open(&small), open(&large), run]);
        let [Answer::Ready(_), Answer::Error { message }] = &answered[..] else {
            panic!("{answered:?}");
        };
        assert!(message.contains("too small"), "{message}");
    }

    #[test]
    fn a_worker_ends_with_the_reason_when_it_cannot_answer() {
        let plan = plan();
        let run = Request::Run(RunNumbers::of(&plan.runs[0]));
        let mut other = opening(&plan);
        other.cells = 7;
        for (request, reason) in [
            (run.clone(), "before its plan"),
            (Request::Open(Box::new(other)), "to 2 cells, not 7"),
        ] {
            let answers = answers(&[request, run.clone()]);
            let [Answer::Error { message }] = &answers[..] else {
                panic!("{answers:?}");
            };
            assert!(message.contains(reason), "{message}");
        }
    }
}
