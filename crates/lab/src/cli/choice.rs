//! Chooses the runner and explains the choice.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::backends::BACKENDS;
use crate::runner::{Backend, ClockName, RunnerOptions, Shaper, Unavailable};

/// How long to wait for a backend if another one can replace it.
const SHORT_TIMEOUT: Duration = Duration::from_millis(800);
/// How long to wait for a backend that was requested by name.
const LONG_TIMEOUT: Duration = Duration::from_secs(20);

const AUTO: &str = "auto";

/// The values of `--shaper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShaperChoice {
    /// netem if the kernel has it, otherwise nfqueue
    Auto,
    /// The kernel's network emulator
    Netem,
    /// The simulator's link model, applied to each packet in user space
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

/// The values of `--clock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ClockChoice {
    /// Virtual if its machine is saved, otherwise real
    Auto,
    /// That of this machine
    Real,
    /// That of virtual machines by instruction count, which this machine's speed does not affect
    Virtual,
}

impl ClockChoice {
    /// `None` for `auto`.
    pub(super) fn clock(self) -> Option<ClockName> {
        match self {
            Self::Auto => None,
            Self::Real => Some(ClockName::Real),
            Self::Virtual => Some(ClockName::Virtual),
        }
    }
}

/// Parses `--runner`: `auto`, or the name of a backend.
pub(crate) fn runners() -> PossibleValuesParser {
    let auto = PossibleValue::new(AUTO)
        .help("Docker if the daemon and the image are available, otherwise the simulator");
    let mut backends: Vec<_> = BACKENDS.into_iter().rev().collect();
    backends.dedup_by_key(|backend| backend.name());
    let backends = backends.into_iter().map(|backend| {
        let name: &'static str = backend.name().into();
        PossibleValue::new(name).help(backend.description())
    });
    PossibleValuesParser::new(std::iter::once(auto).chain(backends))
}

/// Chooses one of `backends` by the value of `--runner` and the requested clock. Returns it with a line for the user
/// that says what was chosen, why, and how to choose another.
///
/// # Errors
/// If the requested runner does not work here. The message contains the remedy.
pub(super) fn choose<'a>(
    runner: &str,
    backends: &[&'a dyn Backend],
    options: &RunnerOptions,
) -> anyhow::Result<(&'a dyn Backend, String)> {
    let clock = options.clock;
    // A clock is requested for containers: the simulator has only one.
    let is_requested = |backend: &&&dyn Backend| match runner {
        AUTO => clock.is_none() || backend.takes_shaper(),
        name => backend.name().to_string() == name,
    };
    let candidates: Vec<_> = backends
        .iter()
        .filter(is_requested)
        .filter(|backend| clock.is_none_or(|clock| backend.clock() == clock))
        .copied()
        .collect();
    let shapes = |backend: &&dyn Backend| backend.takes_shaper();
    if options.shaper.is_some() && !candidates.is_empty() && !candidates.iter().any(shapes) {
        bail!("--runner {runner} uses its own link model; --shaper requires --runner docker");
    }
    match (&candidates[..], clock) {
        ([], Some(clock)) => {
            bail!("--runner {runner} has no {clock} time; --clock {clock} requires --runner docker")
        }
        ([backend], clock) => {
            let requested = match clock {
                Some(clock) => format!("--runner {} --clock {clock}", backend.name()),
                None => format!("--runner {}", backend.name()),
            };
            let place = backend
                .probe(options, LONG_TIMEOUT)
                .map_err(|missing| anyhow!(missing).context(format!("cannot use {requested}")))?;
            Ok((*backend, format!("using {place}, as requested")))
        }
        (candidates, _) => first_that_works(candidates, options)
            .with_context(|| format!("cannot use --runner {runner}")),
    }
}

fn first_that_works<'a>(
    backends: &[&'a dyn Backend],
    options: &RunnerOptions,
) -> anyhow::Result<(&'a dyn Backend, String)> {
    let mut missing: Option<(&dyn Backend, Unavailable)> = None;
    for (index, backend) in backends.iter().enumerate() {
        let others = &backends[index + 1..];
        let time_limit = match others {
            [] => LONG_TIMEOUT,
            _ => SHORT_TIMEOUT,
        };
        let place = match backend.probe(options, time_limit) {
            Ok(place) => place,
            Err(reason) => {
                missing = Some((*backend, reason));
                continue;
            }
        };
        let line = match missing {
            Some((preferred, Unavailable { why, remedy })) => {
                let preferred = selection(preferred);
                format!("using {place}, because {why}; for {preferred}: {remedy}")
            }
            None => {
                let others: Vec<_> = others.iter().map(|other| selection(*other)).collect();
                format!("using {place}; to choose another: {}", others.join(", "))
            }
        };
        return Ok((*backend, line));
    }
    match missing {
        Some((_, reason)) => Err(reason.into()),
        None => bail!("no runner is available"),
    }
}

/// The options that select `backend`.
fn selection(backend: &dyn Backend) -> String {
    match backend.takes_shaper() {
        true => format!("--clock {}", backend.clock()),
        false => format!("--runner {}", backend.name()),
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::plan::Plan;
    use crate::runner::{RunError, RunnerName, Runners};
    use crate::sim::Simulator;

    /// A container backend with this clock, or why there is none.
    struct Fake(ClockName, Option<&'static str>);

    impl Backend for Fake {
        fn name(&self) -> RunnerName {
            RunnerName::Docker
        }

        fn clock(&self) -> ClockName {
            self.0
        }

        fn description(&self) -> &'static str {
            ""
        }

        fn takes_shaper(&self) -> bool {
            true
        }

        fn probe(&self, _: &RunnerOptions, _: Duration) -> Result<String, Unavailable> {
            match self.1 {
                None => Ok(format!("containers in {} time", self.0)),
                Some(why) => Err(Unavailable {
                    why: why.to_owned(),
                    remedy: "start one".to_owned(),
                }),
            }
        }

        fn start(
            &self,
            _: &Plan,
            _: &RunnerOptions,
            _: &CancellationToken,
        ) -> Result<Runners, RunError> {
            Err(RunError::Cancelled)
        }
    }

    /// What there is on a machine.
    #[derive(Clone, Copy)]
    enum Has {
        Nothing,
        Engine,
        SavedMachine,
    }

    fn choose_with(
        runner: &str,
        has: Has,
        options: &RunnerOptions,
    ) -> anyhow::Result<(RunnerName, ClockName, String)> {
        let (saved, engine) = match has {
            Has::Nothing => (Some("no engine answers"), Some("no engine answers")),
            Has::Engine => (Some("no machine is saved"), None),
            Has::SavedMachine => (None, None),
        };
        let machine = Fake(ClockName::Virtual, saved);
        let docker = Fake(ClockName::Real, engine);
        let (backend, line) = choose(runner, &[&machine, &docker, &Simulator], options)?;
        Ok((backend.name(), backend.clock(), line))
    }

    fn options(clock: Option<ClockName>) -> RunnerOptions {
        RunnerOptions {
            clock,
            ..RunnerOptions::new("image")
        }
    }

    const REAL: Option<ClockName> = Some(ClockName::Real);
    const VIRTUAL: Option<ClockName> = Some(ClockName::Virtual);

    /// Expects this runner with this clock, and that the line for the user says `says`.
    #[track_caller]
    fn assert_choice(
        (runner, clock): (&str, Option<ClockName>),
        has: Has,
        expected: (RunnerName, Option<ClockName>),
        says: &str,
    ) {
        let (name, chosen, line) = choose_with(runner, has, &options(clock)).unwrap();
        assert_eq!((name, Some(chosen)), expected, "{line}");
        assert!(line.contains(says), "{line}");
    }

    #[test]
    fn without_a_clock_the_best_that_is_there_is_taken() {
        use RunnerName::{Docker, Sim};
        let auto = ("auto", None);
        let others = "to choose another: --clock real, --runner sim";
        assert_choice(auto, Has::SavedMachine, (Docker, VIRTUAL), others);
        let why = "because no machine is saved; for --clock virtual: start one";
        assert_choice(auto, Has::Engine, (Docker, REAL), why);
        let why = "because no engine answers; for --clock real: start one";
        assert_choice(auto, Has::Nothing, (Sim, VIRTUAL), why);
        let docker = ("docker", None);
        let other = "to choose another: --clock real";
        assert_choice(docker, Has::SavedMachine, (Docker, VIRTUAL), other);
        let why = "because no machine is saved";
        assert_choice(docker, Has::Engine, (Docker, REAL), why);
        let simulator = ("sim", None);
        assert_choice(simulator, Has::SavedMachine, (Sim, VIRTUAL), "as requested");
    }

    #[test]
    fn a_clock_is_requested_of_containers_unless_the_simulator_is() {
        use RunnerName::{Docker, Sim};
        for (runner, clock, name) in [
            ("auto", REAL, Docker),
            ("docker", REAL, Docker),
            ("auto", VIRTUAL, Docker),
            ("docker", VIRTUAL, Docker),
            ("sim", VIRTUAL, Sim),
        ] {
            let has = Has::SavedMachine;
            assert_choice((runner, clock), has, (name, clock), "as requested");
        }
    }

    #[test]
    fn what_is_requested_and_missing_is_an_error_with_the_remedy() {
        for (runner, clock, has, says) in [
            ("docker", None, Has::Nothing, "start one"),
            ("docker", Some(ClockName::Real), Has::Nothing, "start one"),
            (
                "auto",
                Some(ClockName::Virtual),
                Has::Nothing,
                "--clock virtual",
            ),
            ("auto", Some(ClockName::Real), Has::Nothing, "--clock real"),
            (
                "sim",
                Some(ClockName::Real),
                Has::SavedMachine,
                "requires --runner docker",
            ),
        ] {
            let error = choose_with(runner, has, &options(clock)).unwrap_err();
            assert!(format!("{error:#}").contains(says), "{error:#}");
        }
    }

    #[test]
    fn the_simulator_takes_no_shaper() {
        let options = RunnerOptions {
            shaper: Some(Shaper::Netem),
            ..options(None)
        };
        choose_with("sim", Has::Engine, &options).unwrap_err();
        choose_with("docker", Has::Engine, &options).unwrap();
    }
}
