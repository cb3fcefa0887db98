//! Which runner, and why.

use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::backends::BACKENDS;
use crate::runner::{Backend, RunnerOptions, Shaper, Unavailable};

/// Time for an answer where another runner would do as well.
const SHORT_PATIENCE: Duration = Duration::from_millis(800);
/// Time for an answer where nothing else will do.
const LONG_PATIENCE: Duration = Duration::from_secs(20);

/// The word for the first runner that works.
const AUTO: &str = "auto";

/// `--shaper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShaperChoice {
    /// netem if the kernel has it, otherwise nfqueue
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

/// What `--runner` takes: `auto`, or the name of a backend.
pub(crate) fn runners() -> PossibleValuesParser {
    let auto = PossibleValue::new(AUTO)
        .help("Docker if the daemon and the image are available, otherwise the simulator");
    let backends = BACKENDS.iter().rev().map(|backend| {
        let name: &'static str = backend.name().into();
        PossibleValue::new(name).help(backend.description())
    });
    PossibleValuesParser::new(std::iter::once(auto).chain(backends))
}

/// Chooses one of `backends` by the word after `--runner`. Returns it with a line that says what was chosen, why, and how
/// to get another.
///
/// # Errors
/// When the runner that was asked for does not work here; the message says what helps.
pub(super) fn choose<'a>(
    runner: &str,
    backends: &[&'a dyn Backend],
    options: &RunnerOptions,
) -> anyhow::Result<(&'a dyn Backend, String)> {
    let asked = backends
        .iter()
        .find(|backend| backend.name().to_string() == runner);
    let Some(backend) = asked else {
        return first_that_works(backends, options);
    };
    if options.shaper.is_some() && !backend.takes_shaper() {
        bail!("--runner {runner} shapes with its own link model; --shaper is for --runner docker");
    }
    let place = backend
        .probe(options, LONG_PATIENCE)
        .map_err(|missing| anyhow!(missing).context(format!("--runner {runner} can't run")))?;
    Ok((*backend, format!("using {place}, as requested")))
}

fn first_that_works<'a>(
    backends: &[&'a dyn Backend],
    options: &RunnerOptions,
) -> anyhow::Result<(&'a dyn Backend, String)> {
    let mut missing: Option<(&dyn Backend, Unavailable)> = None;
    for (index, backend) in backends.iter().enumerate() {
        match (backend.probe(options, SHORT_PATIENCE), &missing) {
            (Ok(place), Some((wanted, Unavailable { why, remedy }))) => {
                let line = format!(
                    "using {place}, because {why}; for --runner {}: {remedy}",
                    wanted.name()
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
        None => bail!("there is no runner"),
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::plan::Plan;
    use crate::runner::{RunError, RunnerName, Runners};
    use crate::sim::Simulator;

    /// Containers, with an engine or without.
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
    fn auto_takes_containers_if_they_work_and_says_how_to_simulate() {
        let (name, line) = choose_from("auto", true, None).unwrap();
        assert_eq!(name, RunnerName::Docker);
        assert!(
            line.contains("Docker 20.10") && line.contains("--runner sim"),
            "{line}"
        );
    }

    #[test]
    fn auto_simulates_if_it_must_and_says_how_to_get_containers() {
        let (name, line) = choose_from("auto", false, None).unwrap();
        assert_eq!(name, RunnerName::Sim);
        assert!(
            line.contains("no engine answers") && line.contains("start one"),
            "{line}"
        );
    }

    #[test]
    fn an_unreachable_engine_is_an_error_if_containers_are_asked_for() {
        let error = choose_from("docker", false, None).unwrap_err();
        assert!(format!("{error:#}").contains("start one"), "{error:#}");
    }

    #[test]
    fn the_simulator_takes_no_shaper() {
        choose_from("sim", true, Some(Shaper::Netem)).unwrap_err();
        choose_from("docker", true, Some(Shaper::Netem)).unwrap();
    }
}
