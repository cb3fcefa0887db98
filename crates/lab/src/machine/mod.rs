//! Containers in virtual time: virtual machines by instruction count, each with an engine and a worker of its own.
//!
//! A machine's clock advances with the instructions that it executes, so neither the host's speed nor its other work
//! affects a run. Each machine uses one processor.
//!
//! - `script`: `docker/netem-kernel`, which makes, saves and starts machines.
//! - `guest`: a machine as a process of this host. `protocol`: what the lab and a worker send each other.
//! - `worker`: the part in the machine, `backroom-lab worker`. It uses the docker runner there.
//! - `room`: the room that is open in a machine when it is saved.
//! - `runner`: carries out runs in a machine, and replaces it if it fails.
//! - `size`: how many machines this host can run at once.

mod guest;
mod protocol;
mod room;
mod runner;
mod script;
mod size;
pub(crate) mod worker;

use std::thread;
use std::time::Duration;

use backroom_shaper::protocol::Support;
use tokio_util::sync::CancellationToken;

use crate::docker::DockerBackend;
use crate::plan::Plan;
use crate::runner::{
    Backend, ClockName, Engine, RunError, Runner, RunnerKind, RunnerName, RunnerOptions, Runners,
    Shaper, Unavailable,
};
use guest::Guest;
use protocol::{Answer, Opening, Ready, Request};
use runner::MachineRunner;
use script::Script;

/// Runs in containers of virtual machines, whose clock is virtual.
#[derive(Debug)]
pub struct MachineBackend;

impl Backend for MachineBackend {
    fn name(&self) -> RunnerName {
        RunnerName::Docker
    }

    fn clock(&self) -> ClockName {
        ClockName::Virtual
    }

    fn description(&self) -> &'static str {
        "The real programs in containers on a shaped network, in virtual machines with virtual time"
    }

    fn takes_shaper(&self) -> bool {
        true
    }

    /// If virtual time was requested, the machine may have yet to be made, which needs the host's engine. Otherwise it
    /// must be saved.
    fn probe(&self, options: &RunnerOptions, time_limit: Duration) -> Result<String, Unavailable> {
        let script = || {
            Script::new(&options.image).map_err(|error| Unavailable {
                why: format!("{error:#}"),
                remedy: "then use --clock virtual".to_owned(),
            })
        };
        let place = "containers in virtual time";
        if options.clock == Some(ClockName::Virtual) {
            return match script()?.is_cached() {
                true => Ok(format!("{place} (the machine is saved)")),
                false => DockerBackend
                    .probe(options, time_limit)
                    .map(|_| format!("{place} (a new machine)")),
            };
        }
        DockerBackend.probe(options, time_limit)?;
        if options.shaper == Some(Shaper::Nfqueue) {
            return Err(Unavailable {
                why: "--shaper nfqueue is for real time".to_owned(),
                remedy: "add it".to_owned(),
            });
        }
        match script()?.is_cached() {
            true => Ok(format!("{place}, since its machine is saved")),
            false => Err(Unavailable {
                why: "no machine for virtual time is saved".to_owned(),
                remedy: "add it; the machine is then made first, which takes minutes".to_owned(),
            }),
        }
    }

    /// Starts the machines concurrently, and makes them first if none is saved with a room for `plan`. Without `options.shaper`, uses
    /// netem. Without `options.machines`, starts as many as processors and memory allow.
    fn start(
        &self,
        plan: &Plan,
        options: &RunnerOptions,
        cancelled: &CancellationToken,
    ) -> Result<Runners, RunError> {
        let shaper = options.shaper.unwrap_or(Shaper::Netem);
        let setup = room::setup(plan, options, shaper)?;
        let script = Script::new(&options.image)?.after(setup);
        script.prepare(cancelled)?;
        let count = size::machines(options.machines.or(options.jobs), plan.runs.len());
        let opening = Opening::new(plan, options, shaper);
        let mut runners: Vec<_> = (0..count)
            .map(|_| MachineRunner::new(script.clone(), opening.clone(), cancelled.clone()))
            .collect();
        let ready = start_all(&mut runners)?;
        let boxed = |runner| Box::new(runner) as Box<dyn Runner>;
        Ok(Runners {
            kind: RunnerKind::docker(shaper, ClockName::Virtual),
            workers: runners.into_iter().map(boxed).collect(),
            engine: ready.map(|ready| Engine {
                version: match ready.kernel {
                    Some(kernel) => format!("{} on Linux {kernel} in QEMU", ready.engine),
                    None => ready.engine,
                },
                packets_per_second: ready.packets_per_second,
            }),
        })
    }
}

/// Starts all machines. Returns what the first one reports.
fn start_all(runners: &mut [MachineRunner]) -> Result<Option<Ready>, RunError> {
    let ready: Vec<Ready> = thread::scope(|scope| {
        let starting: Vec<_> = runners
            .iter_mut()
            .map(|runner| scope.spawn(|| runner.start()))
            .collect();
        let started = starting.into_iter().map(|started| {
            let started = started.join();
            started.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        started.collect::<Result<_, _>>()
    })?;
    Ok(ready.into_iter().next())
}

/// Tests in a saved machine, within `limit`, which shapers work there. `None` if no machine with `image` is saved.
pub(crate) fn probe_saved(image: &str, limit: Duration) -> Option<Result<Support, String>> {
    let script = Script::new(image).ok().filter(Script::is_cached)?;
    let probe = || -> anyhow::Result<Support> {
        let mut guest = Guest::start(script.start(&worker::WORKER))?;
        let request = Request::Probe {
            image: image.to_owned(),
        };
        match guest.ask(&request, limit, &CancellationToken::new())? {
            Answer::Support(support) => Ok(support),
            other => anyhow::bail!("unexpected answer of the virtual machine: {other:?}"),
        }
    };
    Some(probe().map_err(|error| format!("{error:#}")))
}
