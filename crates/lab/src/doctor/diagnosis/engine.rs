//! The engine and its image.

use crate::doctor::facts::{EngineProblem, Facts};
use crate::doctor::report::Check;
use crate::doctor::{Distribution, Environment};

pub(super) fn engine(facts: &Facts, environment: Environment) -> Check {
    const NAME: &str = "engine";
    let problem = match &facts.engine {
        Ok(engine) => {
            let found = format!("Docker {} on {}", engine.version, engine.operating_system);
            return Check::ok(NAME, found);
        }
        Err(problem) => problem,
    };
    if let Some(host) = &facts.docker_host
        && *problem != EngineProblem::NoPermission
    {
        return Check::not_ok(
            NAME,
            format!("DOCKER_HOST is {host}, but the engine there cannot be used: {problem}"),
            "start that engine, or use the one on this machine: unset DOCKER_HOST",
        );
    }
    Check::not_ok(
        NAME,
        problem.to_string(),
        remedy(problem, facts, environment),
    )
}

fn remedy(problem: &EngineProblem, facts: &Facts, environment: Environment) -> String {
    // WSL2 runs systemd only if it is enabled.
    let restart = match environment.wsl2 {
        true => "sudo service docker restart",
        false => "sudo systemctl restart docker",
    };
    match problem {
        EngineProblem::NoPermission => {
            "sudo usermod -aG docker \"$USER\" && newgrp docker".to_owned()
        }
        EngineProblem::NoSocket | EngineProblem::NotRunning if facts.engine_installed => {
            restart.replace("restart", "start")
        }
        EngineProblem::NoSocket | EngineProblem::NotRunning if environment.wsl2 => {
            let install = match environment.distribution {
                Distribution::Debian => {
                    "sudo apt-get install docker.io && sudo service docker start"
                }
                other => other.install_engine(),
            };
            format!(
                "start Docker Desktop and enable this distribution in Settings, Resources, WSL integration; or, without Docker Desktop: {install}"
            )
        }
        EngineProblem::NoSocket | EngineProblem::NotRunning => {
            environment.distribution.install_engine().to_owned()
        }
        EngineProblem::Silent | EngineProblem::Other(_) => restart.to_owned(),
    }
}

pub(super) fn image(facts: &Facts) -> Check {
    const NAME: &str = "image";
    let not_ok = |found: String| Check::not_ok(NAME, found, "just image");
    let (name, program) = (&facts.image, &facts.commit);
    let Ok(engine) = &facts.engine else {
        return Check::not_checked(NAME, "requires an engine", None);
    };
    let Some(image) = &engine.image else {
        return not_ok(format!("the engine has no image {name}"));
    };
    let Some(revision) = &image.revision else {
        return not_ok(format!(
            "{name} does not record the commit it was built from; this program is built from {program}"
        ));
    };
    let built = format!("{name} is built from {}", short(revision));
    match (commit(program), commit(revision)) {
        (Some(one), Some(other)) if one.starts_with(other) || other.starts_with(one) => {
            let changed = program.ends_with("-dirty") || revision.ends_with("-dirty");
            let note = match changed {
                true => "with uncommitted changes, so it and this program may differ",
                false => "like this program",
            };
            Check::ok(NAME, format!("{built}, {note}"))
        }
        _ => not_ok(format!("{built}, this program from {}", short(program))),
    }
}

/// The commit hash of a revision, without `-dirty`. `None` if it is not a hash.
fn commit(revision: &str) -> Option<&str> {
    let hash = revision.trim_end_matches("-dirty");
    (hash.len() >= 7 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
}

/// A revision with its hash shortened to 12 digits.
fn short(revision: &str) -> String {
    match commit(revision) {
        Some(hash) => hash[..hash.len().min(12)].to_owned() + &revision[hash.len()..],
        None => revision.to_owned(),
    }
}
