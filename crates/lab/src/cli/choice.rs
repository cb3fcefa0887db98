//! Chooses the runner and explains the choice.

use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::backends::BACKENDS;
use crate::runner::{Backend, RunnerOptions, Shaper, Unavailable};

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

/// Parses `--runner`: `auto`, or the name of a backend.
pub(crate) fn runners() -> PossibleValuesParser {
    let auto = PossibleValue::new(AUTO)
        .help("Docker if the daemon and the image are available, otherwise the simulator");
    let backends = BACKENDS.iter().rev().map(|backend| {
        let name: &'static str = backend.name().into();
        PossibleValue::new(name).help(backend.description())
    });
    PossibleValuesParser::new(std::iter::once(auto).chain(backends))
}

/// Chooses one of `backends` by the value of `--runner`. Returns it with a line for the user that says what was chosen,
/// why, and how to choose another.
///
/// # Errors
/// If the requested runner does not work here. The message contains the remedy.
pub(super) fn choose<'a>(
    runner: &str,
    backends: &[&'a dyn Backend],
    options: &RunnerOptions,
) -> anyhow::Result<(&'a dyn Backend, String)> {
    let requested = backends
        .iter()
        .find(|backend| backend.name().to_string() == runner);
    let Some(backend) = requested else {
        return first_that_works(backends, options);
    };
    if options.shaper.is_some() && !backend.takes_shaper() {
        bail!("--runner {runner} uses its own link model; --shaper requires --runner docker");
    }
    let place = backend
        .probe(options, LONG_TIMEOUT)
        .map_err(|missing| anyhow!(missing).context(format!("cannot use --runner {runner}")))?;
    Ok((*backend, format!("using {place}, as requested")))
}

fn first_that_works<'a>(
    backends: &[&'a dyn Backend],
    options: &RunnerOptions,
) -> anyhow::Result<(&'a dyn Backend, String)> {
    let mut missing: Option<(&dyn Backend, Unavailable)> = None;
    for (index, backend) in backends.iter().enumerate() {
        match (backend.probe(options, SHORT_TIMEOUT), &missing) {
            (Ok(place), Some((preferred, Unavailable { why, remedy }))) => {
                let line = format!(
                    "using {place}, because {why}; for --runner {}: {remedy}",
                    preferred.name()
                );
                return Ok((*backend, line));
            }
            (Ok(place), None) => {
                let others: Vec<_> = backends[index + 1..]
                    .iter()
                    .map(|other| format!("--runner {}", other.name()))
                    .collect();
                let line = format!("using {place}; to choose another: {}", others.join(", "));
                return Ok((*backend, line));
            }
            (Err(reason), None) => missing = Some((*backend, reason)),
            (Err(_), Some(_)) => {}
        }
    }
    match missing {
        Some((_, reason)) => Err(reason.into()),
        None => bail!("no runner is available"),
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::plan::Plan;
    use crate::runner::{RunError, RunnerName, Runners};
    use crate::sim::Simulator;

    /// A container backend, with or without an engine.
    struct Fake(bool);

    impl Backend for Fake {
        fn name(&self) -> RunnerName {
            RunnerName::Docker
        }

        fn description(&self) -> &'static str {
            ""
        }

        fn takes_shaper(&self) -> bool {
            true
        }

        fn probe(&self, _: &RunnerOptions, _: Duration) -> Result<String, Unavailable> {
            match self.0 {
                true => Ok("containers (Docker 20.10)".to_owned()),
                false => Err(Unavailable {
                    why: "no engine answers".to_owned(),
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

    fn choose_from(
        runner: &str,
        engine: bool,
        shaper: Option<Shaper>,
    ) -> anyhow::Result<(RunnerName, String)> {
        let options = RunnerOptions {
            shaper,
            image: String::new(),
            jobs: None,
        };
        let docker = Fake(engine);
        let (backend, line) = choose(runner, &[&docker, &Simulator], &options)?;
        Ok((backend.name(), line))
    }

    #[test]
    fn auto_prefers_containers_and_names_the_simulator() {
        let (name, line) = choose_from("auto", true, None).unwrap();
        assert_eq!(name, RunnerName::Docker);
        assert!(
            line.contains("Docker 20.10") && line.contains("--runner sim"),
            "{line}"
        );
    }

    #[test]
    fn auto_falls_back_to_the_simulator_and_names_the_remedy() {
        let (name, line) = choose_from("auto", false, None).unwrap();
        assert_eq!(name, RunnerName::Sim);
        assert!(
            line.contains("no engine answers") && line.contains("start one"),
            "{line}"
        );
    }

    #[test]
    fn an_unreachable_engine_is_an_error_if_containers_are_requested() {
        let error = choose_from("docker", false, None).unwrap_err();
        assert!(format!("{error:#}").contains("start one"), "{error:#}");
    }

    #[test]
    fn the_simulator_takes_no_shaper() {
        choose_from("sim", true, Some(Shaper::Netem)).unwrap_err();
        choose_from("docker", true, Some(Shaper::Netem)).unwrap();
    }
}
