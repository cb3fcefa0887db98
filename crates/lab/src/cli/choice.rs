//! Which runner, and why.

use anyhow::{anyhow, bail};
use clap::ValueEnum;

use crate::docker::{Engine, Unavailable};
use crate::runner::Shaper;

/// `--runner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RunnerChoice {
    /// Docker where an engine answers and has the image, else the simulator
    Auto,
    /// Virtual time in this process: no privileges, no Docker, hundreds of runs a second
    Sim,
    /// The real programs in containers on a shaped network
    Docker,
}

/// `--shaper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShaperChoice {
    /// netem where the kernel has it, else nfqueue
    Auto,
    /// The kernel's network emulator
    Netem,
    /// The simulator's link model, deciding on each packet in user space
    Nfqueue,
}

impl ShaperChoice {
    /// `None` for `auto`.
    pub fn shaper(self) -> Option<Shaper> {
        match self {
            Self::Auto => None,
            Self::Netem => Some(Shaper::Netem),
            Self::Nfqueue => Some(Shaper::Nfqueue),
        }
    }
}

/// What carries the plan out.
#[derive(Clone, Debug)]
pub(super) enum Decision {
    /// The simulator.
    Sim,
    /// Containers, by this engine.
    Docker(Engine),
}

/// Decides, and says in one line what, why, and how to get the other.
///
/// # Errors
/// When what was asked for can't be had; the message says what would help.
pub(super) fn decide(
    runner: RunnerChoice,
    shaper: ShaperChoice,
    probe: impl FnOnce() -> Result<Engine, Unavailable>,
) -> anyhow::Result<(Decision, String)> {
    match runner {
        RunnerChoice::Sim if shaper != ShaperChoice::Auto => {
            bail!("--shaper is for --runner docker: the simulator shapes with its own link model")
        }
        RunnerChoice::Sim => Ok((Decision::Sim, "simulating, as asked".to_owned())),
        RunnerChoice::Docker => match probe() {
            Ok(engine) => {
                let why = format!("in containers, as asked ({})", engine.version);
                Ok((Decision::Docker(engine), why))
            }
            Err(missing) => Err(anyhow!(missing).context("no containers")),
        },
        RunnerChoice::Auto => match probe() {
            Ok(engine) => {
                let why = format!(
                    "in containers, since {} has the image; to simulate: --runner sim",
                    engine.version
                );
                Ok((Decision::Docker(engine), why))
            }
            Err(Unavailable { why, remedy }) => {
                let line = format!("simulating, since {why}; for containers: {remedy}");
                Ok((Decision::Sim, line))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> Result<Engine, Unavailable> {
        Ok(Engine {
            version: "Docker 20.10".to_owned(),
            limit: None,
        })
    }

    fn no_engine() -> Result<Engine, Unavailable> {
        Err(Unavailable {
            why: "no engine answers".to_owned(),
            remedy: "start one".to_owned(),
        })
    }

    #[test]
    fn auto_takes_containers_where_it_can_and_says_how_to_simulate() {
        let (decision, line) = decide(RunnerChoice::Auto, ShaperChoice::Auto, engine).unwrap();
        assert!(matches!(decision, Decision::Docker(_)));
        assert!(
            line.contains("Docker 20.10") && line.contains("--runner sim"),
            "{line}"
        );
    }

    #[test]
    fn auto_simulates_where_it_must_and_says_how_to_get_containers() {
        let (decision, line) = decide(RunnerChoice::Auto, ShaperChoice::Auto, no_engine).unwrap();
        assert!(matches!(decision, Decision::Sim));
        assert!(
            line.contains("no engine answers") && line.contains("start one"),
            "{line}"
        );
    }

    #[test]
    fn an_unreachable_engine_is_an_error_where_containers_are_asked_for() {
        let error = decide(RunnerChoice::Docker, ShaperChoice::Auto, no_engine).unwrap_err();
        assert!(format!("{error:#}").contains("start one"), "{error:#}");
    }

    #[test]
    fn the_simulator_takes_no_shaper() {
        decide(RunnerChoice::Sim, ShaperChoice::Netem, engine).unwrap_err();
    }
}
