//! `run peers`: hands over to the program `backroom-peers`.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::anyhow;

use super::RunArgs;
use crate::cli::{Failure, usage};
use crate::docker::DEFAULT_IMAGE;
use crate::peers;
use crate::runner::{ClockName, RunnerName};

/// Replaces this process by `backroom-peers`. Returns only if that fails or an option is not supported.
pub(super) fn run(arguments: &RunArgs) -> Result<(), Failure> {
    let unsupported = [
        (!arguments.set.is_empty(), "--set"),
        (arguments.until_ci.is_some(), "--until-ci"),
        (arguments.resume, "--resume"),
        (arguments.jobs.is_some(), "--jobs"),
        (arguments.machines.is_some(), "--machines"),
        (
            arguments.clock.clock() == Some(ClockName::Virtual),
            "--clock virtual",
        ),
        (
            arguments.runner == RunnerName::Sim.to_string(),
            "--runner sim",
        ),
    ];
    if let Some((_, option)) = unsupported.into_iter().find(|(given, _)| *given) {
        let name = peers::NAME;
        return Err(usage(anyhow!(
            "the scenario {name} does not support {option}"
        )));
    }
    let mut forwarded = vec![OsString::from("run")];
    let mut add = |option: &str, value: OsString| forwarded.extend([option.into(), value]);
    if let Some(shaper) = arguments.shaper.shaper() {
        add("--shaper", shaper.name().to_string().into());
    }
    if arguments.image != DEFAULT_IMAGE {
        add("--image", (&arguments.image).into());
    }
    if let Some(repetitions) = arguments.reps {
        add("--reps", repetitions.to_string().into());
    }
    if let Some(seed) = arguments.seed {
        add("--seed", seed.to_string().into());
    }
    for name in &arguments.only {
        add("--only", name.into());
    }
    if let Some(folder) = &arguments.output.out {
        add("--out", folder.into());
    }
    if arguments.output.publish {
        forwarded.push("--publish".into());
    }
    Err(usage(peers::exec(&forwarded)))
}

/// If `folder` has results of `run peers`, replaces this process by `backroom-peers`, which rebuilds them, and returns
/// only if that fails.
pub(in crate::cli) fn rebuild(folder: &Path) -> Result<(), Failure> {
    let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap_or_default();
    if manifest["scenario"] != peers::NAME {
        return Ok(());
    }
    Err(usage(peers::exec(&["report".into(), folder.into()])))
}
