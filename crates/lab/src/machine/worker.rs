//! The worker in a virtual machine, `backroom-lab worker`: carries out the runs that the lab outside asks for, in
//! containers of the machine's own engine.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use backroom_provenance::Host;
use tokio_util::sync::CancellationToken;

use super::protocol::{Answer, Opening, Ready, Request, read_line};
use crate::docker::{self, DockerBackend};
use crate::plan::Plan;
use crate::runner::{Backend, ClockName, RunnerOptions, Runners};

/// Time limit for a test of the shapers, by the machine's clock.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// Answers requests from stdin on stdout until stdin ends. Then removes the room.
///
/// # Errors
/// If stdin cannot be read or stdout cannot be written.
pub(crate) fn run() -> anyhow::Result<()> {
    serve(&DockerBackend, io::stdin().lock(), io::stdout().lock())
}

/// A plan, and the runner that carries out its runs.
type Room = (Plan, Runners);

fn serve(
    backend: &dyn Backend,
    mut requests: impl BufRead,
    mut answers: impl Write,
) -> anyhow::Result<()> {
    let mut room = None;
    while let Some(line) = read_line(&mut requests).context("cannot read a request")? {
        let answered = answer(backend, &mut room, &line);
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
        Request::Open(opening) => {
            let (opened, ready) = open(backend, &opening)?;
            *room = Some(opened);
            Ok(Answer::Ready(ready))
        }
        Request::Run(numbers) => {
            let Some((plan, runners)) = room else {
                bail!("a run came before its plan");
            };
            let run = numbers.run(plan).context("the plan has no such run")?;
            let measured = runners.workers[0].run(&run)?;
            Ok(Answer::Measured(Box::new(measured)))
        }
        Request::Probe { image } => docker::probe_engine(&image, PROBE_TIMEOUT)
            .map(Answer::Support)
            .map_err(|why| anyhow!(why)),
    }
}

fn open(backend: &dyn Backend, opening: &Opening) -> anyhow::Result<(Room, Ready)> {
    let plan = Plan::new(&opening.scenario()?)?;
    if plan.cells.len() != opening.cells {
        bail!(
            "the worker expands the scenario to {} cells, not {}",
            plan.cells.len(),
            opening.cells
        );
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
    Ok(((plan, runners), ready))
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
